import numpy as np
import pytest

from cvbook.worlds import meshing, shapes
from cvbook.worlds.people.body import Body, head_frame, posed


def test_a_description_calls_the_shape_of_its_name():
    made = meshing.build({"shape": "box", "size": [1, 2, 3]})
    assert (made.vertices == shapes.box([1, 2, 3]).vertices).all()


def test_what_is_attached_moves_and_grows_with_the_head():
    hat = {"shape": "box", "size": [0.1, 0.1, 0.1]}
    local = shapes.box([0.1, 0.1, 0.1]).vertices + [0, 0, 1]
    tall = []
    for years in (4, 30):
        body = Body(years, 0.5).spec()
        mesh = meshing.attached(body, hat, [0, 0, 1])
        frame = head_frame(posed(body))
        assert mesh.vertices == pytest.approx(local @ frame[:, :3].T + frame[:, 3], abs=1e-5)
        tall.append(np.ptp(mesh.vertices[:, 2]))
    assert tall[0] < tall[1]


def test_an_unknown_shape_is_refused():
    with pytest.raises(ValueError, match="no shape"):
        meshing.build({"shape": "teapot"})
