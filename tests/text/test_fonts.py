import numpy as np
import pytest

from cvbook.text import fonts


def test_fonts_enough_families_and_none_in_both_splits():
    train, test = ({f.family for f in fonts.fonts(s)} for s in ("train", "test"))
    assert len(train) >= 20 and not train & test
    styles = {"sans", "serif", "mono", "condensed", "hand", "display"}
    for split in ("train", "test"):
        assert {f.style for f in fonts.fonts(split)} == styles


@pytest.mark.parametrize("font", fonts.fonts("train") + fonts.fonts("test"), ids=lambda f: f.file)
def test_every_covered_glyph_has_ink_and_is_not_tofu(font):
    """Each character alone: no blank, and not the picture of one that the font lacks for sure."""
    loaded = fonts.load(font.file, 32)
    tofu = bytes(loaded.getmask("\ue123")), loaded.getmask("\ue123").size
    for c in sorted(fonts.coverage(font.file) - {" "}):
        drawn = loaded.getmask(c)
        assert drawn.getbbox() is not None, c
        assert (bytes(drawn), drawn.size) != tofu, c


def test_a_font_without_cyrillic_says_so():
    assert "Я" not in fonts.coverage("courier-prime-regular.ttf")
    with pytest.raises(ValueError, match="cannot draw"):
        fonts.draw_text("Я", "courier-prime-regular.ttf", 20)
    with pytest.raises(ValueError, match="nothing to draw"):
        fonts.draw_text("  ", "courier-prime-regular.ttf", 20)


@pytest.mark.parametrize("spacing", [0.0, 0.5])
@pytest.mark.parametrize("tracking", [0.0, 0.1])
def test_draw_text_cuts_nothing_and_borders_are_ordered(tracking, spacing):
    text = "Qfj, p gЩ"
    for font in fonts.fonts("test"):
        ink, edges, baseline = fonts.draw_text(text, font.file, 40, tracking, spacing)
        # Cropped to the ink, not into it.
        assert ink.any(0)[[0, -1]].all() and ink.any(1)[[0, -1]].all()
        assert len(edges) == len(text) + 1 and (np.diff(edges) > 0).all()
        assert 0 < baseline <= len(ink)
        # As tall as the string drawn on a canvas with room to spare.
        _, top, _, bottom = fonts.load(font.file, 40).getbbox(text, anchor="ls")
        assert len(ink) == pytest.approx(bottom - top, abs=1.5)


def test_kerning_is_kept():
    for file in ("pt-serif-regular.ttf", "ubuntu-regular.ttf", "literata-regular.ttf"):
        apart = sum(fonts.advance(file, 100, c) for c in "AVAVAV")
        _, edges, _ = fonts.draw_text("AVAVAV", file, 100)
        assert edges[-1] - edges[0] < apart - 15, file
