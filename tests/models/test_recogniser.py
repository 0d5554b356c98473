"""The recogniser's shapes, padding and options."""

import numpy as np
import pytest
import torch

from cvbook.losses.ctc import ctc_loss
from cvbook.models import weights
from cvbook.models.recogniser import (
    HEIGHT,
    SIGHT,
    Recogniser,
    collate,
    padded_width,
    prepare,
    read_lines,
    time_steps,
)
from cvbook.text.alphabet import ALPHABET, CHARACTERS, encode
from cvbook.text.lines import make_line


@pytest.mark.parametrize("encoder", ["transformer", "recurrent"])
def test_padding_does_not_change_a_line(encoder):
    """Alone and beside a longer one: the same, but for what convolutions see of the border."""
    torch.manual_seed(0)
    model = Recogniser(encoder=encoder, width=48, layers=2).eval()
    rng = np.random.default_rng(0)
    short = np.full((32, 128), 255, np.uint8)
    short[8:24, 10:90] = rng.integers(0, 2, (16, 80)) * 255
    long = rng.integers(0, 255, (32, 256), np.uint8)
    alone, beside = collate([short]), collate([short, long])
    with torch.inference_mode():
        a, b = model(*alone)[0], model(*beside)[0]
    assert b.shape == (64, len(ALPHABET) + 1) and time_steps(beside[1]).tolist() == [32, 64]
    assert (a[:20] - b[:20]).abs().mean() < 0.1 * a[:20].std()


def test_padding_is_not_attended_to():
    torch.manual_seed(0)
    model = Recogniser(width=48, layers=2).eval()
    states = torch.randn(1, 10, 48)
    valid = torch.arange(10)[None] < 6
    changed = states.clone()
    changed[:, 6:] = 100.0
    with torch.inference_mode():
        before, after = (model.layers[0](x, valid)[:, :6] for x in (states, changed))
    torch.testing.assert_close(before, after, atol=1e-5, rtol=0)


def test_attention_equals_the_formula():
    """Parity with softmax(QKᵀ/√d)V written out."""
    torch.manual_seed(0)
    layer = Recogniser(width=48, layers=1, heads=2).layers[0].eval()
    x, valid = torch.randn(2, 7, 48), torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    q, k, v = layer.qkv(layer.norm_attention(x)).chunk(3, -1)
    heads = []
    for h in range(2):
        part = slice(24 * h, 24 * h + 24)
        score = q[..., part] @ k[..., part].transpose(1, 2) / 24**0.5
        heads.append(score.masked_fill(~valid[:, None], float("-inf")).softmax(-1) @ v[..., part])
    y = x + layer.out(torch.cat(heads, -1))
    y = y + layer.local((layer.norm_local(y) * valid[..., None]).transpose(1, 2)).transpose(1, 2)
    y = y + layer.mlp(layer.norm_mlp(y))
    assert torch.allclose(layer(x, valid), y, atol=1e-5)


def test_unknown_encoder():
    with pytest.raises(ValueError, match="transformer"):
        Recogniser(encoder="mamba")


@pytest.mark.parametrize(
    ("shape", "width"),
    [((32, 100), 100), ((64, 200), 100), ((20, 50, 3), 80), ((500, 3), 8), ((40, 9000), 1600)],
)
def test_prepared_lines_have_one_height_and_their_proportions(shape, width):
    out = prepare(np.full(shape, 128, np.uint8))
    assert out.dtype == np.uint8 and out.shape == (HEIGHT, width) and (out == 128).all()


def test_collate_stretches_contrast_and_survives_a_blank_line():
    dim = np.full((32, 40), 100, np.uint8)
    dim[10:20, 5:10] = 90
    x, widths = collate([dim, np.full((32, 70), 7, np.uint8)])
    assert x.shape == (2, 1, 32, padded_width(70)) == (2, 1, 32, 96) and widths.tolist() == [40, 70]
    assert x[0].min() == 0 and x[0].max() == 1 and torch.isfinite(x).all()


def test_it_learns():
    """Overfit four words in a few seconds: loss, gradients and decoding fit together."""
    torch.manual_seed(0)
    texts = ["дом", "cat 7", "ёлка", "book"]
    drawn = [make_line(0, i, 0, text=t, font="roboto-regular.ttf") for i, t in enumerate(texts)]
    lines = [prepare(line.image) for line in drawn]
    model = Recogniser(width=48, layers=1)
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(120):
        x, w = collate(lines)
        loss, _ = ctc_loss(model(x, w), time_steps(w), [encode(t) for t in texts])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert read_lines(model, lines)[0] == texts


def test_read_keeps_the_order():
    texts = ["one", "seventy-seven", "two", "three hundred and five", "ten", "eleven"]
    drawn = [make_line(0, i, 0, text=t, font="roboto-regular.ttf") for i, t in enumerate(texts)]
    lines = [prepare(line.image) for line in drawn]
    for columns in (120, 2112):  # nearly each alone; all together
        read, sure = read_lines(weights.recogniser(), lines, columns, margin=SIGHT)
        assert read == texts and len(sure) == len(texts) and min(sure) > 0.5


def test_time_steps_match_the_network():
    model = Recogniser(width=48, layers=1)
    for width in (32, 33, 35, 60, 61):
        x, w = collate([np.zeros((32, width), np.uint8)])
        assert time_steps(w)[0] == -(-width // 4)
        assert model.states(x, w)[0].shape[1] == padded_width(width) // 4


def test_more_characters_change_nothing_about_those_known():
    model = Recogniser(width=24, layers=1).eval()
    x, w = torch.rand(1, 1, 32, 64), torch.tensor([64])
    before = model(x, w)
    model.learn_characters(len(CHARACTERS) + 1)
    after = model(x, w)
    assert after.shape[-1] == len(CHARACTERS) + 1
    assert torch.equal(after[..., : before.shape[-1]], before)
