import cv2
import numpy as np
import pytest

from cvbook.text import effects, lines


@pytest.mark.parametrize("name", list(effects.EFFECTS))
@pytest.mark.parametrize("shape", [(9, 5), (40, 300)])
def test_effects_keep_type_and_do_nothing_much_at_strength_zero(name, shape):
    effect, rng = effects.EFFECTS[name], np.random.default_rng(0)
    stencil = np.zeros(shape, np.uint8)
    stencil[2:-2, 1:-1] = 255
    if effect.kind in ("ink", "sheet"):
        for strength in (0.0, 1.0):
            out = effect.function(stencil.copy(), strength, rng)
            assert out.dtype == np.uint8 and out.shape == shape
    elif effect.kind == "warp":
        points = np.float32([[0, 0], [shape[1], shape[0]]])
        out, moved = effect.function(stencil, points, 0.0, rng)
        assert out.dtype == np.uint8 and np.allclose(moved, points, atol=1e-3)
        assert np.abs(out[: shape[0], : shape[1]].astype(int) - stencil).mean() < 2
        effect.function(stencil, points[:0], 1.0, rng)  # a sheet without any text on it
    else:
        picture = np.full((*shape, 3), 200, np.uint8)
        for strength in (0.0, 1.0):
            out = effect.function(picture.copy(), strength, rng)
            assert out.dtype == np.uint8 and out.shape == picture.shape
        still = effect.function(picture.copy(), 0.0, rng)
        if name not in ("binarise", "ruling"):
            assert np.abs(still.astype(int) - 200).mean() < 3


def test_difficulty_zero_uses_no_effect_and_the_number_grows():
    count = lambda d: np.mean(
        [len(effects.choose(d, np.random.default_rng(i))) for i in range(200)]
    )
    assert count(0.0) == 0 < count(0.2) < count(0.5)


@pytest.mark.parametrize("warp", [n for n, e in effects.EFFECTS.items() if e.kind == "warp"])
def test_outlines_follow_the_ink(warp):
    for i in range(15):
        line = lines.make_line(3, i, 0.0)
        ink, points = effects.EFFECTS[warp].function(
            255 - line.image[..., 0], line.edges, 1.0, np.random.default_rng(i)
        )
        mask = np.zeros_like(ink)
        cv2.fillPoly(mask, [np.round(lines.outline_of(points) * 16).astype(np.int32)], 255, shift=4)
        assert ink[mask > 0].sum() > 0.96 * ink.sum()
        # And they are tight: shifted by half the height they lose the ink.
        off = np.zeros_like(ink)
        cv2.fillPoly(
            off,
            [np.round((lines.outline_of(points) + [0, 0.5 * len(ink)]) * 16).astype(np.int32)],
            255,
            shift=4,
        )
        assert ink[off > 0].sum() < 0.9 * ink.sum()
