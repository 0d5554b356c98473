"""The scoreboard, from evidence to terminal, page and README."""

from dataclasses import replace

import pytest

from cvbook.book import claims, findings, registry, verdicts
from cvbook.metrics.statistics import Interval
from cvbook.publish import scoreboard

PLAIN = registry.claim("C12")


def judged(said: str, **details) -> verdicts.Judgement:
    interval = Interval(0.02, 0.01, 0.03, 5)
    f = findings.Finding(PLAIN, "", "one head", interval, "seeds", 5, said, 0.01)
    return verdicts.Judgement(PLAIN, said, (f,), profile="study", **details)


@pytest.fixture
def board(monkeypatch):
    """A scoreboard on which C12 alone has been judged."""

    def show(one: verdicts.Judgement) -> None:
        untested = {
            key: verdicts.Judgement(c, "not yet tested") for key, c in registry.all_claims().items()
        }
        monkeypatch.setattr(scoreboard, "everything", lambda: untested | {"C12": one})

    return show


def test_every_verdict_has_its_looks():
    assert scoreboard.LOOKS.keys() == set(verdicts.VERDICTS)
    colours, badges = zip(*scoreboard.LOOKS.values(), strict=True)
    assert len(set(colours)) == len(set(badges)) == len(verdicts.VERDICTS)


def test_a_claim_of_one_network_says_what_it_is_over():
    c = replace(PLAIN, seeds=1, units="pages", tested={"varies": "the pages"})
    lines = scoreboard._details(verdicts.Judgement(c, "not yet tested"), None)
    assert "over pages" in lines[0] and "What varies: the pages." in lines
    f = findings.Finding(c, "", "one head", Interval(0.02, 0.01, 0.03, 48), "pages", 1, "open", 1.0)
    lines = scoreboard._details(verdicts.Judgement(c, "open", (f,), profile="study"), None)
    assert not any("seeds tell" in line for line in lines)


def test_text_page_and_readme(tmp_path, board):
    board(judged("supported"))
    count = len(registry.all_claims())
    assert len(scoreboard.as_text().splitlines()) == count + 4
    scoreboard.write_page(tmp_path)
    page = (tmp_path / "claims-table.md").read_text()
    assert page.count("  - (C") == count and page.count("`supported`") == 1
    assert f"{count} claims:** 1 supported" in page
    assert 'data-verdict="supported" aria-pressed="false">supported <span>1</span>' in page
    assert [p.name for p in tmp_path.glob("*.png")] == ["C12.png"]
    assert "C8" in (tmp_path / "amendments.md").read_text()
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- claims -->\nold\n<!-- /claims -->\nb\n")
    scoreboard.update_readme(readme)
    text = readme.read_text()
    assert text.startswith("a\n") and text.endswith("\nb\n") and "old" not in text
    assert f"{count} claims: 1 supported" in text
    assert "| C12 | **supported** | Extra heads" in text and "| C1 |" not in text
    assert "against one head: +2.0 points of mAP [+1.0, +3.0], over 5 seeds |" in text


def test_what_is_stale_or_against_a_claim_says_so(tmp_path, board):
    board(judged("contradicted", stale=("its code has changed since 2026-01-02",)))
    assert "contradicted here (stale)" in scoreboard.as_text()
    assert scoreboard.as_text().endswith("1 stale")
    scoreboard.write_page(tmp_path)
    page = (tmp_path / "claims-table.md").read_text()
    assert "`contradicted here` {bdg-light}`stale`" in page
    assert "Stale: its code has changed since 2026-01-02." in page


def test_a_gate_that_fails_is_shown_with_its_numbers(tmp_path, board):
    gate = registry.Gate(0.1, 0.2, "chance")
    one = judged("supported", gate=(("extra heads", Interval(0.05, 0.04, 0.06, 5)),))
    board(replace(one, verdict="not testable", claim=replace(PLAIN, gate=gate)))
    scoreboard.write_page(tmp_path)
    page = (tmp_path / "claims-table.md").read_text()
    assert "extra heads is 5 points of mAP better than chance [4, 6]; asked for: 20." in page


def test_the_readme_shows_what_the_evidence_says():
    from cvbook.paths import ROOT

    text = (ROOT / "README.md").read_text()
    for key, j in scoreboard.everything().items():
        if claims.evidence(key):
            assert f"| {key} | **{scoreboard.worded(j)}**" in text
            assert all(effect in text for effect in scoreboard.effects(j)), key
