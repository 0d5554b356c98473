import io

import matplotlib.pyplot as plt
from PIL import Image

from cvbook.book.film import film, frame


def test_a_film_holds_its_frames_and_asks_for_nothing_from_elsewhere():
    frames = []
    for k in range(3):
        fig, ax = plt.subplots(figsize=(2, 1))
        ax.plot([0, k])
        frames.append(frame(fig))
        plt.close(fig)
    assert Image.open(io.BytesIO(frames[0])).size == (160, 80) and len(set(frames)) == 3
    page = film(frames, ["one", "two", "three"], "a line").data
    assert (
        page.count("UklGR") == 3
        and 'alt="a line"' in page
        and 'max="2"' in page
        and "http" not in page
        and '["one", "two", "three"]' in page
    )
