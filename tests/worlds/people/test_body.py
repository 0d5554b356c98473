"""Growth, faces and landmarks."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from cvbook.worlds.people import persons
from cvbook.worlds.people.body import Body, landmarks, stage, template, vertices

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
    # Artists count 4 heads for a baby and 7 to 8 for an adult.
    assert 4 < tall[0] / heads[0] < 5.2
    assert 6.5 < tall[-1] / heads[-1] < 8


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


def test_a_smile_pulls_the_corners_of_the_mouth_up_and_apart():
    smile = {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}
    bodies = average(30, 1), replace(average(30, 1), face=smile)
    calm, happy = (landmarks(vertices(body)) for body in bodies)
    assert (happy[3:, 2] > calm[3:, 2] + 0.002).all()
    assert happy[4, 0] - happy[3, 0] > calm[4, 0] - calm[3, 0] + 0.004


def test_landmarks_are_where_anatomy_has_them():
    right, left, nose, mouth_right, mouth_left = landmarks(vertices(average(30, 0)))
    # The person looks along −y, its right is at −x.
    assert right[0] < 0 < left[0] and mouth_right[0] < 0 < mouth_left[0]
    assert right[2] > nose[2] > mouth_right[2]
    assert nose[1] == min(p[1] for p in (right, left, nose, mouth_right, mouth_left))


WITHOUT_ANNY = """
import sys
sys.modules["anny"] = None
from cvbook.worlds.people.body import Body, vertices
vertices(Body(30, 0.5))
"""


def test_without_anny_there_is_one_clear_sentence():
    done = subprocess.run([sys.executable, "-c", WITHOUT_ANNY], capture_output=True, text=True)
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("ImportError: People need the anny package")
    assert "pip install anny" in said
