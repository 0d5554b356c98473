import base64
import json

import numpy as np
import pytest

from cvbook.task import sealed

PASSWORD = "correct horse battery"
RNG = np.random.default_rng(0)
INPUTS, TRUTH = RNG.normal(size=(50, 4)), RNG.integers(0, 2, 50)


@pytest.fixture
def path(tmp_path):
    sealed.seal(tmp_path / "set.sealed", INPUTS, TRUTH, ["accuracy"], PASSWORD, looks=3)
    return tmp_path / "set.sealed"


def right(x):
    """Answers that are right, by looking the inputs up."""
    return TRUTH[[np.flatnonzero((row == INPUTS).all(1))[0] for row in x]]


def test_a_look_gives_the_agreed_metrics_and_is_logged(path):
    assert sealed.score(path, right, PASSWORD, "Ada, release 1") == {"accuracy": 1.0}
    wrong = sealed.score(path, lambda x: 1 - right(x), PASSWORD, "Ada, by mistake")
    assert wrong == {"accuracy": 0.0}
    log = sealed.looks(path)
    assert [e["who"] for e in log] == ["Ada, release 1", "Ada, by mistake"]
    assert [e["left"] for e in log] == [2, 1]


def test_nobody_reads_it_without_the_password(path):
    raw = path.read_bytes()
    for content in (raw, base64.urlsafe_b64decode(raw[16:])):
        assert INPUTS[0].tobytes() not in content and TRUTH[:20].tobytes() not in content
        assert b"numpy" not in content and b"accuracy" not in content
    for wrong in ("", "correct horse batterz", PASSWORD.upper()):
        with pytest.raises(sealed.SealedError, match="does not open"):
            sealed.score(path, right, wrong, "Eve")
    assert not sealed.looks(path)


def test_no_public_function_returns_inputs_or_truth(path):
    """Everything that the room offers, with everything a developer has, and the password too."""
    answers = [sealed.score(path, lambda x: np.zeros(len(x)), PASSWORD, "Eve"), sealed.looks(path)]
    for answer in answers:
        numbers = json.dumps(answer)
        assert "inputs" not in numbers and "truth" not in numbers and len(numbers) < 400
    own = {n for n, x in vars(sealed).items() if getattr(x, "__module__", "") == sealed.__name__}
    public = {n for n in own if not n.startswith("_")}
    assert public == {"SealedError", "seal", "score", "looks"}


def test_a_model_cannot_change_what_it_is_judged_on(path):
    def spoil(x):
        x[:] = 0
        return np.zeros(len(x))

    sealed.score(path, spoil, PASSWORD, "Eve")
    assert sealed.score(path, right, PASSWORD, "Ada") == {"accuracy": 1.0}


def test_looks_run_out(path):
    for _ in range(3):
        sealed.score(path, right, PASSWORD, "Ada")
    with pytest.raises(sealed.SealedError, match="All 3 looks have been taken"):
        sealed.score(path, right, PASSWORD, "Ada")


def test_a_changed_log_or_file_is_noticed(path):
    for _ in range(2):
        sealed.score(path, right, PASSWORD, "Ada")
    log = path.with_name(path.name + ".log")
    lines = log.read_text().splitlines()
    for forged in ([lines[1]], [lines[0].replace("1.0", "0.9"), lines[1]], lines[::-1]):
        log.write_text("\n".join(forged) + "\n")
        with pytest.raises(sealed.SealedError, match="has been changed"):
            sealed.score(path, right, PASSWORD, "Ada")
    log.unlink()
    raw = bytearray(path.read_bytes())
    raw[-5] ^= 1
    path.write_bytes(raw)
    with pytest.raises(sealed.SealedError, match="does not open"):
        sealed.score(path, right, PASSWORD, "Ada")


def test_it_is_written_once_and_only_if_sound(path, tmp_path):
    def again(where=tmp_path / "b", x=INPUTS, y=TRUTH, metrics=("accuracy",), password=PASSWORD):
        return sealed.seal(where, x, y, list(metrics), password)

    with pytest.raises(sealed.SealedError, match="written once"):
        again(path)
    with pytest.raises(sealed.SealedError, match="twelve"):
        again(password="short")
    with pytest.raises(sealed.SealedError, match="as many of both"):
        again(y=TRUTH[:3])
    with pytest.raises(sealed.SealedError, match="Unknown metric print everything"):
        again(metrics=["print everything"])
    assert [p.name for p in tmp_path.iterdir()] == ["set.sealed"]


def test_answers_of_the_wrong_shape_or_nan_cost_no_look(path):
    with pytest.raises(sealed.SealedError, match="50 cases"):
        sealed.score(path, lambda x: np.zeros(3), PASSWORD, "Ada")
    other = path.with_name("b.sealed")
    sealed.seal(other, INPUTS, TRUTH.astype(float), ["mean absolute error"], PASSWORD)
    with pytest.raises(sealed.SealedError, match="NaN"):
        sealed.score(other, lambda x: np.full(50, np.nan), PASSWORD, "Ada")
    assert not sealed.looks(path) and not sealed.looks(other)
