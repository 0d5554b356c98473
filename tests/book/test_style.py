"""What several chapters plot."""

import matplotlib.pyplot as plt

from cvbook.book import style


def test_a_race_shows_medians_and_the_ratio():
    fig, ax = plt.subplots()
    style.race(
        ax,
        [{"name": "small", "ours": [1.0, 9.0, 2.0], "peer": [8.0, 8.0, 1.0], "ratio": 4.0}],
        "ours",
        "peer",
        "seconds",
    )
    assert [bar.get_width() for bar in ax.patches] == [2.0, 8.0]
    assert [t.get_text().strip() for t in ax.texts] == ["ours 2 (4.0 times as fast)", "peer 8"]
    assert ax.get_xlabel() == "seconds, median" and [
        t.get_text() for t in ax.get_yticklabels()
    ] == ["small"]
    plt.close(fig)
