import numpy as np
import pytest

from cvbook.data.rendered import load
from cvbook.worlds.people import pictures
from cvbook.worlds.people.body import landmarks, posed
from cvbook.worlds.scene import project


def test_a_portrait_shows_its_landmarks(render):
    face, _ = pictures.portrait(0, 10)
    done = render(face)
    where = pictures.measure(done, face.notes["body"])
    flat = project(landmarks(posed(face.notes["body"])), face.camera, face.size)[:, :2]
    assert where["landmarks"] == pytest.approx(flat, abs=0.06)
    x0, y0, x1, y1 = where["face_box"]
    assert all(x0 - 6 < x < x1 + 6 and y0 - 6 < y < y1 + 6 for x, y in where["landmarks"])
    assert where["face_visible"] == pytest.approx(load("people")[10]["face_visible"], abs=0.02)


def test_a_group_is_never_out_of_its_picture():
    # In number 284, the camera that is drawn first looks past the only person.
    for index in (0, 284):
        group = pictures.group(0, index)
        feet = np.array([[*note["place"][:2], 0.0] for note in group.notes.values()])
        x = project(feet, group.camera, group.size)[:, 0]
        assert ((x > 0) & (x < group.size[0])).any()
