import torch

from cvbook.book import resume


def test_an_interrupted_run_goes_on_and_nothing_else_is_trusted(tmp_path, monkeypatch):
    made = []

    def make(value: float = 1.0) -> dict:
        made.append(value)
        return {"state": {"w": torch.tensor([value])}, "curve": [value]}

    version = "abc123"
    monkeypatch.setattr(resume, "commit", lambda: version)
    monkeypatch.setenv("CVBOOK_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("CVBOOK_PROFILE", "study")
    first = resume.kept("VOLO, age alone", make)
    again = resume.kept("VOLO, age alone", lambda: make(2.0))
    assert (
        made == [1.0]
        and torch.equal(first["state"]["w"], again["state"]["w"])
        and again["curve"] == [1.0]
    )
    assert [p.name for p in (tmp_path / "kept").iterdir()] == ["volo-age-alone.pt"]
    resume.kept("VOLO", make)
    assert len(made) == 2  # another name
    version = "def456"
    assert resume.kept("VOLO", lambda: make(3.0))["curve"] == [3.0]  # another commit
    version = "def456-dirty"
    assert resume.kept("VOLO", lambda: make(4.0))["curve"] == [4.0]
    version = "def456"
    assert resume.kept("VOLO", lambda: make(5.0))["curve"] == [
        3.0
    ]  # what was not committed has left nothing
    monkeypatch.setenv("CVBOOK_PROFILE", "ci")
    assert resume.kept("VOLO", lambda: make(6.0))["curve"] == [6.0]
    monkeypatch.delenv("CVBOOK_RUN_DIR")
    assert resume.kept("VOLO", lambda: make(7.0))["curve"] == [7.0]
