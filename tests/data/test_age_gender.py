import itertools

import numpy as np
import pytest
from PIL import Image

from cvbook.data import age_gender
from cvbook.data.age_annotations import Annotation
from cvbook.data.age_gender import (
    AgeScale,
    annotated,
    annotated_parts,
    crop,
    drawn,
    letterbox,
    pair,
    rendered,
)
from cvbook.data.rendered import load


def test_age_scale():
    scale = AgeScale(1, 95)
    assert scale.encode(np.array([1, 48, 95])).tolist() == [-0.5, 0, 0.5]
    years = np.arange(90.0)
    np.testing.assert_allclose(scale.decode(scale.encode(years)), years, atol=1e-9)


def test_pairs_are_the_best_of_all_assignments():
    """Three people who stand before each other, so that each face lies in more than one body."""
    bodies = [(x, 0, x + 40, 90) for x in (0, 25, 50)]
    faces = [(x + 12, 3, x + 28, 20) for x, *_ in bodies]
    for order in itertools.permutations(range(3)):
        assert pair([faces[i] for i in order], bodies) == [(k, i) for k, i in enumerate(order)]


def test_what_has_no_partner():
    assert pair([], []) == []
    assert pair([], [(0, 0, 9, 9)]) == [(None, 0)]
    assert pair([(0, 0, 9, 9)], []) == [(0, None)]
    assert pair([(0, 0, 9, 9), (50, 50, 59, 59)], [(45, 45, 90, 90)]) == [(0, None), (1, 0)]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((60, 20), (32, 11)), ((20, 60), (11, 32)), ((32, 32), (32, 32)), ((500, 1), (32, 1))],
)
def test_a_letterbox_keeps_proportions(shape, expected):
    out = letterbox(np.full((*shape, 3), 200, np.uint8), 32)
    rows, columns = (np.flatnonzero(out.any((2, axis))) for axis in (1, 0))
    assert out.shape == (32, 32, 3)
    assert (len(rows), len(columns)) == expected
    assert (out[rows][:, columns] == 200).all()


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
    assert len(train.years) + len(test.years) == 3240
    assert not set(train.identity) & set(test.identity)
    assert train.pixels.shape[1:] == (6, 16, 16)
    assert 0 <= train.years.min() < 3
    assert 87 < train.years.max() < 91
    assert abs(test.male.mean() - 0.5) < 0.05
    face = test.pixels[:, :3].flatten(1).any(1).numpy()
    body = test.pixels[:, 3:].flatten(1).any(1).numpy()
    assert (face == (test.face > 0.3)).all() and 0.5 < face.mean() < 1 and body.mean() > 0.95
    half = train.where(drawn(train.identity, 0.5, 0))
    assert abs(half.male.mean() - 0.5) < 0.1
    assert len(np.unique(half.identity)) == round(len(np.unique(train.identity)) / 2)
    few = test.where(np.arange(5))
    assert {len(column) for column in vars(few).values()} == {5}


def test_the_body_crop_holds_no_face_that_the_face_crop_shows(monkeypatch):
    rows, side = load("people"), 112
    held = np.flatnonzero(np.array(rows["split"]) == "test")[:60]
    monkeypatch.setattr(age_gender, "load", lambda name: rows.select(held))
    seen = {True: 0, False: 0}
    for row, pixels in zip(rows.select(held), rendered(side)[1].pixels.numpy(), strict=True):
        width, height = row["body"].size
        scale, left = side / height, (side - round(side * width / height)) // 2
        x0, y0, x1, y1 = np.round(row["body_face_box"]) * scale + [left, 0, left, 0]
        face = pixels[3:, int(y0) + 2 : int(y1) - 2, int(x0) + 2 : int(x1) - 2]
        if face.size:
            shown = row["face_visible"] > 0.3
            assert face.any() == (not shown)
            seen[shown] += 1
    assert seen[True] > 20 and seen[False] > 1


def test_crops_of_annotated_people(tmp_path):
    """One picture of two people who overlap, one of an unknown age, and one that is damaged."""
    two, far, broken = (tmp_path / f"{name}.png" for name in ("two", "far", "broken"))
    people = [
        Annotation(two, 30, False, (10, 10, 20, 20), (0, 0, 40, 60)),
        Annotation(two, None, None, (45, 10, 55, 20), (30, 0, 70, 60)),
        Annotation(broken, 9, True, (1, 2, 11, 12), (0, 0, 30, 60)),
        Annotation(far, (65, 75), True, None, (0, 0, 40, 60)),
    ]
    for path, grey in ((two, 90), (far, 200)):
        Image.fromarray(np.full((60, 80, 3), grey, np.uint8)).save(path)
    broken.write_bytes(b"")
    crops, who = annotated(people, 60)
    assert [p.path for p in who] == [far, two]
    assert crops.years.tolist() == [70, 30] and crops.male.tolist() == [True, False]
    assert crops.face.tolist() == [0, 1] and crops.pixels.shape == (2, 6, 60, 60)
    body = crops.pixels[1, 3:]  # 40 × 60 in 60 × 60: ten black columns on each side
    assert not body[:, 12:18, 22:28].any()  # the own face
    assert not body[:, :, 42:].any() and body[:, 25:, 12:38].all()  # the other's body
    parts = list(annotated_parts(people, 60, 1))
    assert [[p.path for p in w] for _, w in parts] == [[far], [two]]
    assert all((c.pixels[0] == crops.pixels[k]).all() for k, (c, _) in enumerate(parts))
    with pytest.raises(ValueError, match="nobody with a box"):
        annotated([], 60)
