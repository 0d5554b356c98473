"""The synthetic text generator: corpus, fonts, effects, lines, pages, shards."""

import json
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvbook.text import corpus, effects, fonts, lines, pages, shards
from cvbook.text.alphabet import ALPHABET, encode, fold_typography, to_text


def test_alphabet_has_no_character_twice():
    assert len(set(ALPHABET)) == len(ALPHABET) == 176


def test_fold_typography():
    assert fold_typography("‘‘Да’’ —  «нет»…\n") == '"Да" - "нет"...'


@pytest.mark.parametrize("language", corpus.LANGUAGES)
def test_vocabularies_are_disjoint_and_probabilities_sum_to_one(language):
    train, cumulative = corpus.vocabulary(language, "train")
    test, _ = corpus.vocabulary(language, "test")
    assert not set(train) & set(test)
    assert 0.05 < len(test) / (len(train) + len(test)) < 0.15
    assert cumulative[-1] == pytest.approx(1) and (np.diff(cumulative) > 0).all()


def test_held_out_is_decided_by_the_word_alone():
    assert (
        corpus.is_held_out("Table")
        == corpus.is_held_out("table")
        == (zlib.crc32(b"table") % 10 == 0)
    )


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["train", "test"]))
def test_texts_are_never_empty_or_padded_and_stay_in_the_alphabet(seed, split):
    text, kind, language = corpus.sample_text(
        np.random.default_rng(seed), split=split, max_length=30
    )
    assert text and text == text.strip() and len(text) <= 30
    assert set(text) <= set(ALPHABET), (text, set(text) - set(ALPHABET))
    assert kind in corpus.KINDS and language in corpus.LANGUAGES


def test_test_lines_use_test_words_only():
    words = {
        w
        for i in range(300)
        for w in corpus.sample_words(np.random.default_rng(i), 5, "en", "test")
    }
    assert all(corpus.is_held_out(w) for w in words)


def test_fonts_enough_families_and_none_in_both_splits():
    train, test = ({f.family for f in fonts.fonts(s)} for s in ("train", "test"))
    assert len(train) >= 20 and not train & test
    assert (
        {f.style for f in fonts.fonts("train")}
        == {f.style for f in fonts.fonts("test")}
        == {"sans", "serif", "mono", "condensed", "hand", "display"}
    )


@pytest.mark.parametrize("font", fonts.fonts("train") + fonts.fonts("test"), ids=lambda f: f.file)
def test_every_covered_glyph_has_ink_and_is_not_tofu(font):
    """Draw each character alone: no blank, and not the picture of a character that the font lacks for sure."""
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
    for font in fonts.fonts("test"):
        ink, edges, baseline = fonts.draw_text(
            "Qfj, pÄ"[:6] + " gЩ", font.file, 40, tracking, spacing
        )
        assert (
            ink.any(0)[[0, -1]].all() and ink.any(1)[[0, -1]].all()
        )  # cropped to the ink, not into it
        assert len(edges) == 10 and (np.diff(edges) > 0).all()
        assert 0 < baseline <= len(ink)
        # As tall as the string drawn on a canvas with room to spare.
        assert len(ink) == pytest.approx(
            np.ptp(fonts.load(font.file, 40).getbbox("Qfj, pÄ"[:6] + " gЩ", anchor="ls")[1::2]),
            abs=1.5,
        )


def test_kerning_is_kept():
    for file in ("pt-serif-regular.ttf", "ubuntu-regular.ttf", "literata-regular.ttf"):
        apart = sum(fonts.advance(file, 100, c) for c in "AVAVAV")
        _, edges, _ = fonts.draw_text("AVAVAV", file, 100)
        assert edges[-1] - edges[0] < apart - 15, file


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


def test_lines_are_the_same_in_any_order_and_differ_by_seed():
    a = [lines.make_line(1, i).image for i in (0, 1, 2)]
    b = [lines.make_line(1, i).image for i in (2, 1, 0)][::-1]
    assert all(np.array_equal(x, y) for x, y in zip(a, b))
    assert not np.array_equal(a[0], lines.make_line(2, 0).image)


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


def test_words_have_their_own_outlines():
    line = lines.make_line(0, 0, 0.0, text="ab  cd e")
    assert [w for w, _ in line.words] == ["ab", "cd", "e"]
    assert line.words[0][1][:, 0].max() < line.words[1][1][:, 0].min()
    assert line.polygon.shape == (2 * (len(line.text) + 1), 2)


def test_make_line_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="0 to 1"):
        lines.make_line(0, 0, 1.5)
    with pytest.raises(ValueError, match="alphabet"):
        lines.make_line(0, 0, text="日本")


def test_page_truth_is_on_the_page_and_texts_match():
    for i in range(6):
        page = pages.make_page(0, i, 0.3, size=(320, 320))
        assert len(page.texts) == len(page.edges) == len(page.lines) > 0
        h, w = page.image.shape[:2]
        for text, outline in page.lines:
            assert len(outline) == 2 * (len(text) + 1)
            assert (
                (outline > -3).all()
                and (outline[:, 0] < w + 3).all()
                and (outline[:, 1] < h + 3).all()
            )
        assert " ".join(w for w, _ in page.words).split() == " ".join(page.texts).split()


def test_no_page_number_fails():
    for i in range(150):
        pages.make_page(9, i, size=(128, 160))


def test_shards_resume_and_do_not_depend_on_workers(tmp_path):
    spec = shards.LineSet(lines=25, seed=3, difficulty=0.2, per_shard=10)
    manifest = json.loads(shards.write_lines(tmp_path / "a", spec).read_text())
    assert [s["lines"] for s in manifest["shards"]] == [10, 10, 5]
    names = [s["file"] for s in manifest["shards"]]
    shards.write_lines(tmp_path / "b", spec, workers=2)
    assert all(
        (tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names
    )
    kept = (tmp_path / "b" / names[0]).stat().st_mtime_ns
    (tmp_path / "b" / names[1]).unlink()
    (tmp_path / "b" / f"{names[1]}.tmp").write_bytes(b"half written")
    shards.write_lines(tmp_path / "b", spec)
    assert (tmp_path / "b" / names[0]).stat().st_mtime_ns == kept
    assert (tmp_path / "a" / names[1]).read_bytes() == (tmp_path / "b" / names[1]).read_bytes()

    from datasets import Dataset

    row = Dataset.from_parquet(str(tmp_path / "a" / names[0]), cache_dir=str(tmp_path / "cache"))[4]
    assert row["text"] == lines.make_line(3, 4, 0.2).text
    assert np.array_equal(np.asarray(row["image"]), lines.make_line(3, 4, 0.2).image)
    with pytest.raises(ValueError, match="other settings"):
        shards.write_lines(tmp_path / "a", shards.LineSet(lines=25, seed=4, per_shard=10))


def test_encode_round_trip_and_unknown():
    assert to_text(encode(ALPHABET)) == ALPHABET
    with pytest.raises(ValueError, match="outside the alphabet"):
        encode("naïve")
