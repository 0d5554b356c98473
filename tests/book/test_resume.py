import re
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from cvbook.book import resume


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A run whose results are kept; its folder."""
    monkeypatch.setattr(resume, "commit", lambda: "abc123")
    monkeypatch.setenv("CVBOOK_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("CVBOOK_PROFILE", "study")
    return tmp_path / "kept"


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
    (file,) = (tmp_path / "kept").iterdir()
    assert re.fullmatch("volo-age-alone-[0-9a-f]{16}.pt", file.name)
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


@dataclass
class Data:
    x: np.ndarray
    y: torch.Tensor


def network(bias: float) -> nn.Module:
    net = nn.Linear(2, 1, bias=True)
    nn.init.ones_(net.weight)
    nn.init.constant_(net.bias, bias)
    return net


ON = [
    *(None, 0, 1, 1.0, True, "", "1", b"1", [], [1], (1,), [[1], 2], [1, [2]], {}, {"a": 1}),
    *({"a": 2}, {"b": 1}, ["ab"], ["a", "b"], torch.device("cpu"), torch.float16, "torch.float16"),
    *(np.zeros(2), np.zeros(2, np.float32), np.zeros((2, 1)), np.zeros((1, 2)), np.ones(2)),
    *(torch.zeros(2), torch.zeros(2, dtype=torch.bfloat16), torch.zeros(()), torch.ones(2)),
    *(np.array(["a"]), np.array([1, "a"], object), np.float32(1), float("nan")),
    *(network(0), network(1), nn.Sequential(network(0)), network(0).half(), network(0).eval()),
    *(Data(np.zeros(2), torch.ones(1)), Data(np.zeros(2), torch.zeros(1))),
]


def test_what_a_result_depends_on_is_told_apart():
    for one, other in combinations(ON, 2):
        assert resume.digest(one) != resume.digest(other), (one, other)
    for value, same in (
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (network(0), network(0)),
        (np.zeros((4, 4))[:, ::2], np.zeros((4, 2))),
        (torch.zeros(4, 2).T, torch.zeros(2, 4)),
    ):
        assert resume.digest(value) == resume.digest(same)
    for unknown in (print, object(), {1, 2}, [lambda: 0]):
        with pytest.raises(TypeError, match="cannot be told"):
            resume.digest(unknown)


def test_a_result_on_other_data_is_another_result(study):
    made = []
    for value in (1.0, 2.0, 1.0, 2.0):
        on = Data(np.full(3, value), torch.ones(2))
        assert resume.kept("VOLO", lambda v=value: made.append(v) or v, on) == value
    assert made == [1.0, 2.0] and len(list(study.iterdir())) == 2


def test_names_of_all_kinds_are_told_apart(study):
    names = ["сеть", "лицо", "a/b", "a b", "../up", "", "x" * 300, "x" * 301, "A", "a", "\ud800"]
    for i, name in enumerate(names):
        resume.kept(name, lambda i=i: i)
    assert [resume.kept(name, lambda: None) for name in names] == list(range(len(names)))
    assert len(list(study.iterdir())) == len(names)


@pytest.mark.parametrize("content", [b"", b"no result", 40, None])
def test_a_damaged_file_is_computed_anew(study, capsys, content):
    resume.kept("VOLO", lambda: 1)
    (file,) = study.iterdir()
    if content is None:
        torch.save([1, 2], file)
    else:
        file.write_bytes(file.read_bytes()[:content] if content == 40 else content)
    assert resume.kept("VOLO", lambda: 2) == 2 and "is damaged" in capsys.readouterr().out
    assert resume.kept("VOLO", lambda: 3) == 2
