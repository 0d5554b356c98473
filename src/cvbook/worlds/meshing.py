"""Meshes by the names that scene descriptions use."""

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from cvbook.worlds.people import meshes
from cvbook.worlds.people.body import head_frame, posed
from cvbook.worlds.shapes import Mesh, box, loft, plane, tube


def attached(body: dict, piece: dict, position: list[float], turn: float = 0.0) -> Mesh:
    """Any other shape, placed at the head; it moves and grows with the head.

    Args:
        body: `body.Body.spec()`.
        piece: the other shape's description.
        position: metres, in template coordinates.
        turn: radians about x.
    """
    mesh = build(piece)
    local = mesh.vertices @ Rotation.from_euler("x", turn).as_matrix().T + position
    frame = head_frame(posed(body))
    mesh.vertices = (local @ frame[:, :3].T + frame[:, 3]).astype(np.float32)
    return mesh


SHAPES: dict[str, Callable[..., Mesh]] = {
    "loft": loft,
    "box": box,
    "plane": plane,
    "person": meshes.person,
    "eyes": meshes.eyes,
    "garment": meshes.garment,
    "attached": attached,
    "curtain": meshes.curtain,
    "skirt": meshes.skirt,
    "tube": tube,
}


def build(spec: dict) -> Mesh:
    """The mesh of a description {"shape": name, …arguments}.

    Raises:
        ValueError: an unknown shape.
    """
    spec = dict(spec)
    name = spec.pop("shape", None)
    if name not in SHAPES:
        raise ValueError(f"There is no shape {name!r}; there are {', '.join(SHAPES)}.")
    return SHAPES[name](**spec)
