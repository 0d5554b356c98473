"""The scoreboard, from evidence to terminal, page and README."""

from dataclasses import replace

import numpy as np

from cvbook.book import claims
from cvbook.metrics.statistics import Interval
from cvbook.publish import scoreboard

ONE = claims.claim("C13")


def test_every_verdict_has_its_looks():
    assert scoreboard.LOOKS.keys() == set(claims.VERDICTS)
    colours, badges = zip(*scoreboard.LOOKS.values(), strict=True)
    assert len(set(colours)) == len(set(badges)) == len(claims.VERDICTS)


def test_effects_in_words():
    nothing = Interval(0.1, -np.inf, np.inf, 1)
    assert scoreboard.describe(ONE, None) == "–"
    assert scoreboard.describe(ONE, nothing) == "+0.1 (one seed)"
    few, all_of_them = (Interval(0.1, 0.0, 0.2, n) for n in (3, ONE.seeds))
    assert scoreboard.describe(ONE, few).endswith(f", 3 of {ONE.seeds} seeds")
    assert scoreboard.describe(ONE, all_of_them).endswith(f"], {ONE.seeds} seeds")
    ratio = replace(ONE, ratio=True)
    assert scoreboard.describe(ratio, Interval(2.0, 1.5, 2.5, 3)).startswith("×2 [1.5, 2.5]")


def test_text_page_and_readme(tmp_path, monkeypatch):
    clear = Interval(0.02, 0.01, 0.03, 5)
    monkeypatch.setattr(scoreboard, "effect", lambda key: clear if key == "C13" else None)
    count = len(claims.all_claims())
    assert len(scoreboard.as_text().splitlines()) == count + 2
    assert scoreboard.summary().startswith("1 supported")
    scoreboard.write_page(tmp_path)
    page = (tmp_path / "claims-table.md").read_text()
    assert page.count("* - (C") == count and page.count("`supported`") == 1
    assert (tmp_path / "C13.png").exists() and len(list(tmp_path.glob("*.png"))) == 1
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- claims -->\nold\n<!-- /claims -->\nb\n")
    scoreboard.update_readme(readme)
    text = readme.read_text()
    assert text.startswith("a\n") and text.endswith("\nb\n") and "old" not in text
    assert f"{count} claims: 1 supported" in text and "| C13 |" in text and "| C12 |" not in text
