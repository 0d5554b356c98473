"""The training loop of the recogniser: it resumes, refuses, and repeats itself."""

import numpy as np
import pytest
import torch

from cvbook.models.recogniser import Recogniser
from cvbook.text.alphabet import ACCENTED, CHARACTERS
from cvbook.text.corpus import is_held_out
from cvbook.train import recogniser as training

SMALL = {"width": 48, "layers": 1}


@pytest.fixture(autouse=True)
def small_pools(monkeypatch):
    monkeypatch.setattr(training.LineStream, "POOL", 32)
    torch.set_num_threads(1)


def fresh():
    torch.manual_seed(0)
    return Recogniser(**SMALL)


def test_resumed_training_equals_uninterrupted(tmp_path):
    recipe = training.LineRecipe(lines=96, max_length=8)
    whole = fresh()
    training.train(whole, recipe)
    file = tmp_path / "c.pt"

    class StopError(Exception):
        pass

    def stop(model):
        raise StopError

    half = fresh()
    with pytest.raises(StopError):
        training.train(half, recipe, checkpoint=file, evaluate=stop, evaluate_every=64)
    assert torch.load(file, weights_only=True)["next"] == 32
    again = fresh()
    training.train(again, recipe, checkpoint=file)
    for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.allclose(a.float(), b.float(), atol=1e-5)
    with pytest.raises(ValueError, match="another recipe"):
        training.train(fresh(), training.LineRecipe(lines=97), checkpoint=file)


def test_loss_falls_and_log_is_kept():
    log = training.train(fresh(), training.LineRecipe(lines=320, max_length=6, rate=3e-3), every=2)
    assert np.mean([r["loss"] for r in log[-3:]]) < 0.5 * log[0]["loss"]
    assert all({"line", "loss", "impossible", "per_second"} <= r.keys() for r in log)


def test_worker_processes_draw_the_same_lines():
    stream = training.LineStream(training.LineRecipe(lines=40, max_length=8))
    inline = [texts for _, _, texts, _ in stream]
    loader = torch.utils.data.DataLoader(stream, batch_size=None, num_workers=1)
    assert [texts for _, _, texts, _ in loader] == inline
    every = [stream.line(i)[1] for i in range(40)]
    assert sorted(t for texts in inline for t in texts) == sorted(every)


def test_training_and_test_lines_share_no_word():
    def words(texts: list[str]) -> list[str]:
        return [word for text in texts for word in text.split() if word.isalpha() and len(word) > 2]

    stream = training.LineStream(training.LineRecipe(lines=200))
    drawn = words([stream.line(i)[1] for i in range(200)])
    held = words(training.held_out(200, 0.3)[1])
    assert len(drawn) > 100 and not any(map(is_held_out, drawn))
    # A few are no words: made-up codes.
    assert len(held) > 100 and np.mean([is_held_out(word) for word in held]) > 0.98


def test_a_nan_loss_stops_with_advice():
    model = fresh()
    with torch.no_grad():
        model.head.bias.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="lower the rate"):
        training.train(model, training.LineRecipe(lines=32, max_length=6))


def test_rate_schedule():
    recipe = training.LineRecipe(lines=1, rate=1.0, warmup=0.1)
    assert training.learning_rate(recipe, 0.05) == pytest.approx(0.5)
    assert training.learning_rate(recipe, 0.1) == pytest.approx(1.0)
    assert training.learning_rate(recipe, 1.0) == pytest.approx(0.0)


def test_some_lines_are_accented_and_the_others_stay_what_they_are():
    plain = training.LineStream(training.LineRecipe(lines=60, short=0.3))
    mixed = training.LineStream(training.LineRecipe(lines=60, short=0.3, accented=0.4))
    same = [plain.line(i)[1] == mixed.line(i)[1] for i in range(60)]
    assert 0.4 < np.mean(same) < 0.8
    changed = "".join(mixed.line(i)[1] for i in range(60) if not same[i])
    assert len(set(changed) & set(ACCENTED)) > 10


def test_accented_letters_are_learnt_beside_the_others():
    model = fresh()
    model.learn_characters(len(CHARACTERS) + 1)
    log = training.train(
        model, training.LineRecipe(lines=320, max_length=6, accented=1.0, rate=3e-3), every=2
    )
    assert np.mean([r["loss"] for r in log[-3:]]) < 0.5 * log[0]["loss"]
    assert 0 < training.accented_cer(model, 8)["cer@0.3, accented"] <= 1
