"""People: growth, garments, identities, landmarks, and that nothing but the person tells age and gender."""

import dataclasses

import numpy as np
import pytest

from cvbook.worlds import backdrop
from cvbook.worlds.blender.renderer import Renderer
from cvbook.worlds.people import cloth, looks, meshes, persons, pictures, wear
from cvbook.worlds.people.body import Body, landmarks, posed, stage, template, vertices
from cvbook.worlds.scene import project

# Median heights in metres: WHO child growth standards and growth reference, CDC for adults.
MEDIAN = {
    0: {1: 0.76, 2: 0.87, 4: 1.03, 6: 1.16, 10: 1.38, 14: 1.63, 18: 1.76, 40: 1.76},
    1: {1: 0.74, 2: 0.86, 4: 1.02, 6: 1.15, 10: 1.39, 14: 1.59, 18: 1.63, 40: 1.63},
}


def average(years: float, female: int) -> Body:
    return Body(years, 0.9 if female else 0.1, **persons.AVERAGE)


def height(points: np.ndarray) -> float:
    return float(np.ptp(points[:, 2]))


@pytest.mark.parametrize("female", [0, 1])
def test_children_grow_as_children_do(female):
    for years, metres in MEDIAN[female].items():
        assert height(vertices(average(years, female))) == pytest.approx(metres, rel=0.08), years


@pytest.mark.parametrize("female", [0, 1])
def test_height_rises_and_the_head_s_share_falls_until_sixteen(female):
    bodies = [vertices(average(years, female)) for years in (0.5, 1, 2, 4, 6, 8, 10, 12, 14, 16)]
    tall = np.array([height(b) for b in bodies])
    heads = np.array([height(b[template().head]) for b in bodies])
    assert (np.diff(tall) > 0).all() and (np.diff(tall / heads) > 0).all()
    assert (
        4 < tall[0] / heads[0] < 5.2 and 6.5 < tall[-1] / heads[-1] < 8
    )  # artists count 4 heads for a baby and 7 to 8 for an adult


def test_years_map_to_stages_without_a_jump():
    years = np.linspace(0, 90, 200)
    assert (np.diff([stage(y) for y in years]) > 0).all()


def test_wrong_names_are_refused():
    for changes, message in (
        ({"pose": {"tail": (0, 0, 0)}}, "no bone 'tail'"),
        ({"face": {"wink": 1.0}}, "no facial action"),
        ({"local": {"wings": 1.0}}, "no local change"),
    ):
        with pytest.raises(ValueError, match=message):
            vertices(Body(30, 0.5, **changes))
    with pytest.raises(ValueError, match="no garment"):
        wear.field("toga")
    with pytest.raises(ValueError, match="no cloth"):
        cloth.cloth(0, "lace", [[0, 0, 0], [1, 1, 1]])
    with pytest.raises(ValueError, match="no backdrop"):
        backdrop.backdrop(0, "moon")


def test_a_smile_pulls_the_corners_of_the_mouth_up_and_apart():
    calm, happy = (
        landmarks(
            vertices(
                dataclasses.replace(
                    average(30, 1), face={"mouthSmileLeft": s, "mouthSmileRight": s}
                )
            )
        )
        for s in (0.0, 1.0)
    )
    assert (happy[3:, 2] > calm[3:, 2] + 0.002).all()
    assert happy[4, 0] - happy[3, 0] > calm[4, 0] - calm[3, 0] + 0.004


def test_landmarks_are_where_anatomy_has_them():
    right, left, nose, mouth_right, mouth_left = landmarks(vertices(average(30, 0)))
    assert (
        right[0] < 0 < left[0] and mouth_right[0] < 0 < mouth_left[0]
    )  # the person looks along -y, its right is at -x
    assert right[2] > nose[2] > mouth_right[2] and nose[1] == min(
        p[1] for p in (right, left, nose, mouth_right, mouth_left)
    )


def test_a_garment_covers_and_does_not_cut_the_skin():
    body = average(30, 0).spec()
    shirt = meshes.garment(body, {"name": "top"}, thickness=0.014, smooth=8)
    assert np.isfinite(shirt.vertices).all() and (shirt.sizes == 3).all()
    bare, dressed = meshes.person(body), meshes.person(body, [{"name": "top"}])
    assert len(dressed.sizes) < 0.95 * len(
        bare.sizes
    )  # what is covered is not drawn, so it cannot show through
    thick, thin = (meshes.garment(body, {"name": "top"}, thickness=t) for t in (0.03, 0.01))
    assert np.ptp(thick.vertices[:, 1]) > np.ptp(thin.vertices[:, 1]) + 0.03


def test_every_field_is_positive_somewhere_and_negative_on_the_eyes():
    eyes = np.concatenate(template().eyes)
    for name in wear.FIELDS:
        inside = wear.field(name)
        assert (inside > 0).sum() > 50 and (inside[eyes] < 0).all(), name


def test_a_person_stays_the_same_and_a_look_changes():
    who = persons.person(0, 11)
    assert who == persons.person(0, 11) != persons.person(1, 11)
    first, second = (looks.look(0, who, i) for i in (0, 1))
    assert first == looks.look(0, who, 0)
    assert (
        first.truth["identity"] == second.truth["identity"] == 11
        and first.truth["eyes"] == second.truth["eyes"]
    )
    assert (
        abs(first.truth["years"] - second.truth["years"]) <= 6
        and first.body["pose"] != second.body["pose"]
    )
    nose = {"nose-hump-incr", "chin-width-incr"}
    assert all(
        first.body["local"][n] == pytest.approx(second.body["local"][n], rel=0.3, abs=0.02)
        for n in nose
    )


def test_a_population_is_balanced_by_gender_in_five_year_bins_and_splits_by_identity():
    people = [persons.person(0, n) for n in range(648)]
    cells = np.zeros((2, persons.BINS), int)
    for p in people:
        cells[int(p.gender == "female"), int(p.years // persons.BIN_YEARS)] += 1
    assert (cells == 18).all()
    held = np.zeros((2, persons.BINS), int)
    for p in people:
        if pictures.split_of(p.number) == "test":
            held[int(p.gender == "female"), int(p.years // persons.BIN_YEARS)] += 1
    assert held.min() >= 3 and held.max() <= 4
    tones = np.histogram([p.tone for p in people], bins=9, range=(1, 10))[0]
    assert tones.min() > 45  # even over the Monk scale


def test_a_portrait_shows_its_landmarks():
    face, _ = pictures.portrait(0, 10)
    with Renderer(1) as renderer:
        done = next(renderer.render([face]))
    where = pictures.measure(done, face.notes["body"])
    flat = project(landmarks(posed(face.notes["body"])), face.camera, face.size)[:, :2]
    assert where["landmarks"] == pytest.approx(flat, abs=0.06)
    x0, y0, x1, y1 = where["face_box"]
    assert all(x0 - 6 < x < x1 + 6 and y0 - 6 < y < y1 + 6 for x, y in where["landmarks"])
    assert 0 <= where["face_visible"] <= 1


def test_a_group_is_never_out_of_its_picture():
    for index in (
        0,
        284,
    ):  # in the second, the camera that is drawn first looks past the only person
        group = pictures.group(0, index)
        feet = np.array([[*note["place"][:2], 0.0] for note in group.notes.values()])
        x = project(feet, group.camera, group.size)[:, 0]
        assert ((x > 0) & (x < group.size[0])).any()
