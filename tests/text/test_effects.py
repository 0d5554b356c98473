import cv2
import numpy as np
import pytest

from cvbook.text import effects, lines

WARPS = [name for name, effect in effects.EFFECTS.items() if effect.kind == "warp"]
FLAT = [name for name in effects.EFFECTS if name not in WARPS]


def stencil(height: int, width: int) -> np.ndarray:
    """Bars, as letters would be: uint8[H, W]."""
    ink = np.zeros((height, width), np.uint8)
    ink[2:-2, 1:-1] = 255
    ink[:, 6::12] = 0
    return ink


def given(name: str, height: int, width: int) -> np.ndarray:
    """What an effect of this kind takes: a stencil, or a picture with soft bars."""
    ink = stencil(height, width)
    if effects.EFFECTS[name].kind in ("ink", "sheet"):
        return ink
    soft = cv2.GaussianBlur(ink, (0, 0), 2).astype(float)
    return np.repeat((200 - 0.5 * soft).astype(np.uint8)[..., None], 3, 2)


@pytest.mark.parametrize("name", FLAT)
@pytest.mark.parametrize("shape", [(9, 5), (40, 300)])
@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_effects_keep_type_and_shape(name, shape, strength):
    picture = given(name, *shape)
    out = effects.EFFECTS[name].function(picture.copy(), strength, np.random.default_rng(0))
    assert out.dtype == np.uint8 and out.shape == picture.shape


@pytest.mark.parametrize("name", FLAT)
def test_effects_show_at_full_strength(name):
    picture = given(name, 40, 300)
    draws = [
        effects.EFFECTS[name].function(picture.copy(), 1.0, np.random.default_rng(seed))
        for seed in range(8)
    ]
    assert max(np.abs(out.astype(int) - picture).mean() for out in draws) > 2


OF_PICTURES = [name for name in FLAT if effects.EFFECTS[name].kind in ("surface", "camera")]


@pytest.mark.parametrize("name", [name for name in OF_PICTURES if name != "ruling"])
def test_pictures_hardly_change_at_strength_zero(name):
    picture = given(name, 40, 300)
    out = effects.EFFECTS[name].function(picture.copy(), 0.0, np.random.default_rng(0))
    assert np.abs(out.astype(int) - picture).mean() < 3


@pytest.mark.parametrize("name", WARPS)
@pytest.mark.parametrize("shape", [(9, 5), (40, 300)])
def test_warps_stay_at_strength_zero_and_move_at_one(name, shape):
    warp, ink = effects.EFFECTS[name].function, stencil(*shape)
    points = np.float32([[0, 0], [shape[1], shape[0]], [shape[1] / 2, shape[0] / 3]])
    out, moved = warp(ink, points, 0.0, np.random.default_rng(0))
    assert out.dtype == np.uint8 and np.allclose(moved, points, atol=1e-3)
    assert np.abs(out[: shape[0], : shape[1]].astype(int) - ink).mean() < 2
    _, moved = warp(ink, points, 1.0, np.random.default_rng(0))
    assert np.abs(moved - points).max() > 0.05
    warp(ink, points[:0], 1.0, np.random.default_rng(0))  # a sheet without any text on it


def test_difficulty_zero_uses_no_effect_and_the_number_grows():
    few, some, many = (
        np.mean([len(effects.choose(d, np.random.default_rng(i))) for i in range(200)])
        for d in (0.0, 0.2, 0.5)
    )
    assert few == 0 < some < many


def filled(shape: tuple[int, int], outline: np.ndarray) -> np.ndarray:
    """The inside of an outline, to a sixteenth of a pixel: bool[H, W]."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, shift=4)
    return mask > 0


@pytest.mark.parametrize("name", WARPS)
def test_outlines_follow_the_ink(name):
    for i in range(15):
        line, rng = lines.make_line(3, i, 0.0), np.random.default_rng(i)
        ink, points = effects.EFFECTS[name].function(255 - line.image[..., 0], line.edges, 1.0, rng)
        outline = lines.outline_of(points)
        assert ink[filled(ink.shape, outline)].sum() > 0.96 * ink.sum()
        # They are tight: shifted by half the height they lose the ink.
        lower = outline + [0, 0.5 * len(ink)]
        assert ink[filled(ink.shape, lower)].sum() < 0.9 * ink.sum()
