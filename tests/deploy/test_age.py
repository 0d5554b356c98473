import cv2
import numpy as np
import pytest
import torch
from skimage import data

from cvbook.data.age_gender import AgeScale
from cvbook.deploy.age import cut, find_people, parse_box, read_people
from cvbook.models.mivolo import mivolo_small


class Sees(torch.nn.Module):
    """Answers with how bright each of its crops is, so that a test can tell what it was shown."""

    def __init__(self, inputs):
        super().__init__()
        self.inputs, self.side, self.scale = inputs, 48, torch.nn.Parameter(torch.ones(1))

    def forward(self, x):
        self.shown = x
        return self.scale * x.mean((2, 3))[:, :3]


def test_a_real_face_is_found():
    faces, _ = find_people(data.astronaut())
    middles = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in faces]
    assert any(abs(x - 224) < 30 and abs(y - 110) < 40 for x, y in middles)
    assert find_people(np.zeros((60, 60, 3), np.uint8)) == ([], [])


@pytest.mark.parametrize("inputs", [1, 2])
def test_nobody_gives_nothing(inputs):
    model, image = mivolo_small(inputs=inputs).eval(), np.zeros((90, 90, 3), np.uint8)
    assert read_people(model, AgeScale(), image, []) == []


def test_one_input_sees_faces_and_no_bodies():
    model, faces = mivolo_small(inputs=1).eval(), [(180, 60, 270, 170), (0, 0, 30, 30)]
    people = read_people(model, AgeScale(), data.astronaut(), faces, [(90, 0, 400, 500)])
    assert [(p.face, p.body) for p in people] == [(face, None) for face in faces]
    assert all(np.isfinite([p.age, p.male]).all() for p in people)


def test_a_body_shows_nobody_else_and_not_its_own_face():
    image = np.full((100, 100, 3), 200, np.uint8)
    net = Sees(2)
    read_people(net, AgeScale(), image, [(10, 0, 20, 10)], [(0, 0, 50, 100), (25, 50, 75, 100)])
    black = -torch.tensor([0.485, 0.456, 0.406]) / torch.tensor([0.229, 0.224, 0.225])
    # The last batch shown is mirrored; c,h,w at 48 pixels of 100, 12 columns of margin.
    body = net.shown.flip(3)[0, 3:]
    assert torch.allclose(body[:, 2, 12 + 7], black, atol=1e-5)  # the own face
    assert torch.allclose(body[:, 40, 12 + 18], black, atol=1e-5)  # the other one's box
    assert not torch.allclose(body[:, 20, 12 + 12], black, atol=1e-1)


def test_boxes_in_words():
    assert parse_box("1, 2,30,40") == (1, 2, 30, 40) and parse_box("-5,0,9,9") == (-5, 0, 9, 9)
    long = "0,0,9,9" + "9" * 5000
    for bad in ("", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1.5,2,3,4", long, "²,0,5,5"):
        with pytest.raises(ValueError, match="four whole numbers"):
            parse_box(bad)
    for empty in ("5,5,5,9", "5,5,9,4"):
        with pytest.raises(ValueError, match="is empty"):
            parse_box(empty)


def test_boxes_are_cut_to_the_picture_and_refused_outside_of_it():
    image = np.zeros((60, 80, 3), np.uint8)
    for box, part in {
        (10, 5, 30, 40): (10, 5, 30, 40),
        (-5, -9, 30, 40): (0, 0, 30, 40),
        (70, 50, 90, 999999): (70, 50, 80, 60),
        (-9, -9, 999, 999): (0, 0, 80, 60),
    }.items():
        assert cut(box, image) == part
    for box in ((80, 0, 90, 9), (0, 60, 9, 70), (-9, 0, 0, 9), (0, -9, 9, 0), (500, 500, 600, 600)):
        with pytest.raises(ValueError, match=r"box -?\d+.* outside .* 80 × 60 pixels"):
            cut(box, image)


def test_a_large_picture_is_searched_small_and_its_boxes_are_large():
    small = data.astronaut()
    large = cv2.resize(small, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    (near,) = find_people(cv2.resize(small, (1600, 1600), interpolation=cv2.INTER_CUBIC))[0][:1]
    (face,) = find_people(large)[0][:1]
    assert np.abs(np.array(face) - np.array(near) * 3072 / 1600).max() < 40
