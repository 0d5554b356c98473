"""Meshes built in code.

Most things on a shelf are **lofts**: a skin stretched over a stack of cross-sections. A
cross-section is a superellipse, ``|x/a|ⁿ + |y/b|ⁿ = 1``: n = 2 is an ellipse, a large n a rectangle
with rounded corners. Cans, bottles, cartons, pouches and tubes differ in their stacks only.
"""

from dataclasses import dataclass

import numpy as np


@dataclass
class Mesh:
    """Polygons.

    Attributes:
        vertices: float32[V, 3], metres.
        corners: int32[L], vertex numbers of all polygons in a row, anticlockwise from outside.
        sizes: int32[F], corners of each polygon.
        uv: float32[L, 2], texture coordinates of each corner, (0, 0) at the lower left.
        smooth: whether the surface is shaded as if it were curved.
    """

    vertices: np.ndarray
    corners: np.ndarray
    sizes: np.ndarray
    uv: np.ndarray
    smooth: bool = True


def _outline(a: float, b: float, n: float, segments: int) -> tuple[np.ndarray, np.ndarray]:
    """Points float64[segments + 1, 2] round a superellipse from the back (+y), and their shares.

    They stand at equal steps of the way round, so that a label is printed evenly round corners.
    """
    t = np.pi / 2 + np.linspace(0, 2 * np.pi, 40 * segments + 1)
    x = a * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** (2 / n)
    y = b * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** (2 / n)
    fine = np.stack([x, y], 1)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    share = np.linspace(0, 1, segments + 1)
    return np.stack([np.interp(share * length[-1], length, fine[:, k]) for k in (0, 1)], 1), share


def loft(rings: list[list[float]], segments: int = 40, closed: bool = True) -> Mesh:
    """A skin over cross-sections.

    Args:
        rings: rows (z, a, b, n) from bottom to top: height, half width, half depth, exponent; two
            of equal height make a sharp edge.
        segments: corners of a cross-section.
        closed: whether bottom and top are filled.

    Returns:
        A mesh whose u runs once round from the back, so that 0.5 is the middle of the front (−y);
        v is the length along the skin.

    Raises:
        ValueError: fewer than two rings, or a cross-section without extent.
    """
    rings_ = np.array(rings, float)
    if len(rings_) < 2 or (rings_[:, 1:] <= 0).any():
        raise ValueError(
            "A loft needs two rings or more, each with a positive half width, half depth and "
            "exponent."
        )
    outlines = [_outline(a, b, n, segments) for _, a, b, n in rings_]
    points = np.stack(
        [
            np.column_stack([outline[:-1], np.full(segments, z)])
            for (outline, _), z in zip(outlines, rings_[:, 0], strict=True)
        ]
    )  # R,S,3
    u = outlines[0][1]
    # v follows the silhouette, so that a texture is not squeezed on a flat shoulder.
    steps = np.hypot(np.diff(rings_[:, 0]), np.diff(rings_[:, 1:3].mean(1)))
    along = np.concatenate([[0.0], np.cumsum(steps)])
    v = along / along[-1]
    r, s = np.meshgrid(np.arange(len(rings_) - 1), np.arange(segments), indexing="ij")
    s2, low, high = (s + 1) % segments, r * segments, (r + 1) * segments
    quads = np.stack([low + s, low + s2, high + s2, high + s], -1).reshape(-1, 4)  # R-1,S,4 → Q,4
    across = np.stack([u[s], u[s + 1], u[s + 1], u[s]], -1)
    up = np.stack([v[r], v[r], v[r + 1], v[r + 1]], -1)
    uv = np.stack([across, up], -1)
    corners, sizes, coords = [quads.reshape(-1)], [np.full(len(quads), 4)], [uv.reshape(-1, 2)]
    if closed:
        ring = np.arange(segments)
        corners += [ring[::-1], (len(rings_) - 1) * segments + ring]
        sizes += [np.array([segments]), np.array([segments])]
        coords += [np.tile([0.5, 0.002], (segments, 1)), np.tile([0.5, 0.998], (segments, 1))]
    return Mesh(
        points.reshape(-1, 3).astype(np.float32),
        np.concatenate(corners).astype(np.int32),
        np.concatenate(sizes).astype(np.int32),
        np.concatenate(coords).astype(np.float32),
    )


def box(size: list[float]) -> Mesh:
    """A box of size (x, y, z) that stands on the origin; each face shows the whole texture."""
    x, y, z = size
    ends = [-x / 2, x / 2], [-y / 2, y / 2], [0, z]
    vertices = np.array([[a, b, c] for c in ends[2] for b in ends[1] for a in ends[0]], np.float32)
    faces = [[0, 1, 5, 4], [3, 2, 6, 7], [2, 0, 4, 6], [1, 3, 7, 5], [4, 5, 7, 6], [2, 3, 1, 0]]
    corners = np.array(faces, np.int32).reshape(-1)
    uv = np.tile(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32), (6, 1))
    return Mesh(vertices, corners, np.full(6, 4, np.int32), uv, smooth=False)


def plane(size: list[float], repeat: float = 1.0) -> Mesh:
    """A rectangle (x, y) in the xy plane about the origin, facing up.

    The texture is laid `repeat` times along x; its tiles are square.
    """
    x, y = size
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    vertices = np.zeros((4, 3), np.float32)
    vertices[:, :2] = (unit - 0.5) * [x, y]
    uv = (unit * [repeat, repeat * y / x]).astype(np.float32)
    return Mesh(vertices, np.arange(4, dtype=np.int32), np.array([4], np.int32), uv, smooth=False)


def tube(path: list[list[float]], radius: float, closed: bool = False) -> Mesh:
    """A round wire along points: rims of glasses, a scarf."""
    line = np.array(path, float)
    ahead = np.roll(line, -1, 0) - np.roll(line, 1, 0) if closed else np.gradient(line, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    side = np.cross(ahead, [0.31, 0.17, 0.93])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    over = np.cross(ahead, side)
    turn = np.linspace(0, 2 * np.pi, 9)[:-1]
    round_ = np.cos(turn)[:, None] * side[:, None] + np.sin(turn)[:, None] * over[:, None]
    points = line[:, None] + radius * round_  # N,8,3
    n = len(line)
    i, j = np.meshgrid(np.arange(n if closed else n - 1), np.arange(8), indexing="ij")
    after, beside = (i + 1) % n, (j + 1) % 8
    quads = np.stack([i * 8 + j, after * 8 + j, after * 8 + beside, i * 8 + beside], -1)
    quads = quads.reshape(-1, 4)
    uv = np.stack([(quads // 8) / n, (quads % 8) / 8], -1)
    return Mesh(
        points.reshape(-1, 3).astype(np.float32),
        quads.reshape(-1).astype(np.int32),
        np.full(len(quads), 4, np.int32),
        uv.reshape(-1, 2).astype(np.float32),
    )
