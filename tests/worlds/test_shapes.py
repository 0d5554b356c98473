import numpy as np
import pytest

from cvbook.worlds import shapes


def closed_volume(mesh: shapes.Mesh) -> float:
    """Signed volume by the divergence theorem: positive when all polygons face outwards."""
    total, start = 0.0, 0
    for size in mesh.sizes:
        corner = mesh.vertices[mesh.corners[start : start + size]].astype(float)
        for k in range(1, size - 1):
            total += np.dot(corner[0], np.cross(corner[k], corner[k + 1])) / 6
        start += size
    return total


def test_a_loft_is_closed_faces_outwards_and_has_the_volume_of_a_cylinder():
    mesh = shapes.loft([[0, 1, 1, 2], [2, 1, 1, 2]], segments=200)
    assert closed_volume(mesh) == pytest.approx(2 * np.pi, rel=1e-3)
    assert mesh.uv.min() >= 0 and mesh.uv.max() <= 1
    assert len(mesh.uv) == len(mesh.corners) == mesh.sizes.sum()


def test_a_square_loft_nearly_fills_its_box_and_boxes_do():
    square = shapes.loft([[0, 1, 2, 20], [1, 1, 2, 20]], segments=80)
    assert closed_volume(square) == pytest.approx(8, rel=0.02)
    assert closed_volume(shapes.box([1, 2, 3])) == pytest.approx(6)


def test_the_front_of_a_loft_is_the_middle_of_its_texture():
    mesh = shapes.loft([[0, 1, 1, 2], [1, 1, 1, 2]], segments=40)
    side = mesh.vertices[mesh.corners][:, 1]
    front = np.flatnonzero((side < -0.999) & (np.abs(mesh.uv[:, 1] - 0.5) > 0.499))
    assert len(front) and np.allclose(mesh.uv[front[:4], 0], 0.5, atol=0.03)


@pytest.mark.parametrize("rings", [[[0, 1, 1, 2]], [[0, 1, 1, 2], [1, 0, 1, 2]]])
def test_impossible_lofts_are_refused(rings):
    with pytest.raises(ValueError, match="two rings or more"):
        shapes.loft(rings)
