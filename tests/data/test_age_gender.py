import itertools

import numpy as np
import pytest

from cvbook.data.age_gender import AgeScale, crop, drawn, letterbox, pair, rendered
from cvbook.data.rendered import load


def test_age_scale():
    scale = AgeScale(1, 95)
    assert scale.encode(np.array([1, 48, 95])).tolist() == [-0.5, 0, 0.5]
    np.testing.assert_allclose(
        scale.decode(scale.encode(np.arange(90.0))), np.arange(90), atol=1e-9
    )


def test_pairs_are_the_best_of_all_assignments():
    """Three people who stand before each other, so that each face lies in more than one body."""
    bodies = [(x, 0, x + 40, 90) for x in (0, 25, 50)]
    faces = [(x + 12, 3, x + 28, 20) for x, *_ in bodies]
    for order in itertools.permutations(range(3)):
        assert pair([faces[i] for i in order], bodies) == [(k, i) for k, i in enumerate(order)]


def test_what_has_no_partner():
    assert (
        pair([], []) == []
        and pair([], [(0, 0, 9, 9)]) == [(None, 0)]
        and pair([(0, 0, 9, 9)], []) == [(0, None)]
    )
    assert pair([(0, 0, 9, 9), (50, 50, 59, 59)], [(45, 45, 90, 90)]) == [(0, None), (1, 0)]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((60, 20), (32, 11)), ((20, 60), (11, 32)), ((32, 32), (32, 32)), ((500, 1), (32, 1))],
)
def test_a_letterbox_keeps_proportions(shape, expected):
    out = letterbox(np.full((*shape, 3), 200, np.uint8), 32)
    rows, columns = (np.flatnonzero(out.any((2, axis))) for axis in (1, 0))
    assert (
        out.shape == (32, 32, 3)
        and (len(rows), len(columns)) == expected
        and (out[rows][:, columns] == 200).all()
    )


def test_a_crop_blackens_other_people_and_gives_up_when_little_is_left():
    image = np.full((100, 100, 3), 90, np.uint8)
    assert (crop(image, (0, 0, 50, 50), 50) == 90).all()
    out = crop(image, (0, 0, 50, 50), 50, [(-10, -10, 20, 20), (45, 45, 90, 90)])
    assert not out[:20, :20].any() and not out[45:, 45:].any() and out[25:44, 25:44].all()
    assert not crop(image, (0, 0, 50, 50), 50, [(0, 0, 50, 35)]).any()  # less than two fifths left
    assert not crop(image, None, 32).any() and not crop(image, (120, 0, 140, 20), 32).any()
    assert (image == 90).all()  # the picture itself is left alone


def test_rendered_people():
    train, test = rendered(16)
    assert len(train.years) + len(test.years) == 3240 and not set(train.identity) & set(
        test.identity
    )
    assert (
        train.pixels.shape[1:] == (6, 16, 16)
        and 0 <= train.years.min() < 3
        and 87 < train.years.max() < 91
    )
    assert abs(test.male.mean() - 0.5) < 0.05
    face, body = (
        test.pixels[:, :3].flatten(1).any(1).numpy(),
        test.pixels[:, 3:].flatten(1).any(1).numpy(),
    )
    assert (face == (test.face > 0.3)).all() and 0.5 < face.mean() < 1 and body.mean() > 0.95
    half = train.where(drawn(train.identity, 0.5, 0))
    assert abs(half.male.mean() - 0.5) < 0.1 and len(np.unique(half.identity)) == round(
        len(np.unique(train.identity)) / 2
    )
    few = test.where(np.arange(5))
    assert (
        len(few.pixels)
        == len(few.years)
        == len(few.male)
        == len(few.face)
        == len(few.identity)
        == 5
    )


def test_the_body_crop_holds_no_face_that_the_face_crop_shows():
    rows, (_, test) = load("people"), rendered(112)
    held = [row for row in rows if row["split"] == "test"]
    shown = 0
    for row, pixels in zip(held[:60], test.pixels.numpy()):
        body, (x0, y0, x1, y1) = pixels[3:], (round(c) for c in row["body_face_box"])
        width, height = row["body"].size
        scale, left = 112 / height, (112 - round(112 * width / height)) // 2
        part = body[
            :,
            int(y0 * scale) + 2 : int(y1 * scale) - 2,
            int(left + x0 * scale) + 2 : int(left + x1 * scale) - 2,
        ]
        if part.size:
            assert part.any() == (row["face_visible"] <= 0.3)
            shown += row["face_visible"] > 0.3
    assert shown > 20
