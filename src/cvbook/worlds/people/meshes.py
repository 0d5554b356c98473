"""Meshes of people: the skin, garments grown from fields, and long hair and skirts that hang."""

import numpy as np

from cvbook.worlds.people import wear
from cvbook.worlds.people.body import head_frame, normals, posed, template
from cvbook.worlds.shapes import Mesh

LATERAL = 0.03  # metres over which a garment grows from its edge to its full thickness
# Metres inside a garment's edge from which on there is no skin: less than trousers reach under a
# shirt, so that none shows between.
TUCKED = 0.012


def _pack(points: np.ndarray, faces: np.ndarray, uv: np.ndarray) -> Mesh:
    """A Mesh of triangles int[F, 3] with texture coordinates float[F, 3, 2].

    Vertices that no face uses are left out.
    """
    used, corners = np.unique(faces, return_inverse=True)
    return Mesh(
        points[used].astype(np.float32),
        corners.reshape(-1).astype(np.int32),
        np.full(len(faces), 3, np.int32),
        uv.reshape(-1, 2).astype(np.float32),
    )


def person(body: dict, hide: list[dict] | None = None) -> Mesh:
    """The skin and teeth, without what the garments of `hide` cover."""
    t, points = template(), posed(body)
    covered = np.zeros(len(points), bool)
    for garment in hide or []:
        covered |= wear.field(**garment) > TUCKED
    shown = ~covered[t.faces].all(1) & ~np.isin(t.faces[:, 0], np.concatenate(t.eyes))
    return _pack(points, t.faces[shown], t.uv[t.face_uv[shown]])


def eyes(body: dict) -> Mesh:
    """Both eyeballs, with a texture of their own laid on from the front.

    The body's map has but 26 pixels for each.
    """
    t, points = template(), posed(body)
    uv, faces = np.zeros((len(points), 2)), []
    for members in t.eyes:
        away = t.rest[members] - t.rest[members].mean(0)
        uv[members] = 0.5 + 0.5 * away[:, [0, 2]] / np.linalg.norm(away, axis=1).max()
        faces.append(t.faces[np.isin(t.faces[:, 0], members)])
    faces_ = np.concatenate(faces)
    return _pack(points, faces_, uv[faces_])


def garment(
    body: dict,
    field: dict,
    thickness: float = 0.012,
    smooth: int = 0,
    rough: float = 0.0,
    seed: int = 0,
    flare: float = 0.0,
) -> Mesh:
    """A garment or hair.

    Args:
        body: `body.Body.spec()`.
        field: {"name": …, …arguments} of `wear.field`.
        thickness: metres from the skin.
        smooth: rounds of averaging over neighbours: loose cloth does not show every muscle.
        rough: random share of the thickness, for curls and folds.
        seed: of the roughness.
        flare: extra thickness where the field is deepest, for bulky hair.
    """
    t, points = template(), posed(body).astype(float)
    inside = wear.field(**field)
    outward = normals(points)
    loose = points
    for _ in range(smooth):
        loose = t.mean @ loose
    # Children wear children's sizes.
    scale = min(1.0, np.ptp(points[:, 2]) / 1.7 + 0.15)
    thickness, flare = thickness * scale, flare * scale
    depth = np.clip(inside / LATERAL, -1, 1)
    grown = thickness * np.where(depth > 0, np.sqrt(np.maximum(depth, 0)), 0.0)
    grown = grown + flare * np.clip(inside / 0.08, 0, 1)
    if rough:
        wild = np.random.default_rng(seed).standard_normal(len(points))
        for _ in range(2):
            wild = t.mean @ wild
        grown = grown * (1 + rough * wild / max(wild.std(), 1e-9)).clip(0.3, 2)
    mix = np.clip(depth, 0, 1)[:, None]
    sunk = 0.012 * np.clip(-inside / LATERAL, 0, 1)
    pushed = points + mix * (loose - points) + outward * (grown - sunk)[:, None]
    kept = (inside[t.faces] > -LATERAL).any(1) & (inside[t.faces] > -0.5).all(1)
    # Cloth is printed straight through from front to back, by template coordinates: patterns hang
    # level.
    corners = t.rest[t.faces[kept]]
    uv = np.stack([corners[..., 0] * 1.6 + 0.5, corners[..., 2] * 1.6 + 0.25], -1)
    return _pack(pushed, t.faces[kept], uv)


def curtain(
    body: dict,
    start: float = 1.2,
    end: float = 0.5,
    volume: float = 0.012,
    wave: float = 0.004,
    seed: int = 0,
) -> Mesh:
    """Long hair that hangs round the back of the head.

    Args:
        body: `body.Body.spec()`.
        start: angle from the nose at which it begins on either side.
        end: height of its tips in template coordinates: 0.6 a bob, 0.4 long.
        volume: metres from the head.
        wave: depth of the strands, metres.
        seed: of the strands.
    """
    rng = np.random.default_rng(seed)
    around, down = 72, 20
    angle = np.linspace(start, 2 * np.pi - start, around)
    t = np.linspace(0, 1, down)
    tips = 0.012 * rng.standard_normal(around)[None] * t[:, None] ** 4
    z = 0.815 + (end - 0.815) * t[:, None] + tips
    coarse = wave * np.sin(angle * 23 + rng.uniform(0, 6))[None]
    strands = coarse + wave * np.sin(angle * 41 + 9 * t[:, None] + rng.uniform(0, 6))
    # Over the skull the hair follows it; below the ears it falls straight.
    skull = np.sqrt(np.clip(1 - ((np.maximum(z, 0.745) - 0.745) / 0.112) ** 2, 0.05, 1))
    x = (0.084 + volume) * skull * np.sin(angle) + strands * np.sin(angle)
    back = -0.045 - (0.104 + volume) * skull * np.cos(angle)
    y = back - strands * np.cos(angle) + 0.02 * np.clip(0.7 - z, 0, 1)
    points = np.stack([x, y, z + np.zeros_like(x)], -1).reshape(-1, 3)  # down,around,3 → N,3
    i, j = np.meshgrid(np.arange(down - 1), np.arange(around - 1), indexing="ij")
    corner = i * around + j
    quads = np.stack([corner, corner + around, corner + around + 1, corner + 1], -1).reshape(-1, 4)
    frame = head_frame(posed(body))
    grid = np.stack(np.meshgrid(np.linspace(0, 1, around), 1 - t), -1).reshape(-1, 2)
    return Mesh(
        (points @ frame[:, :3].T + frame[:, 3]).astype(np.float32),
        quads.reshape(-1).astype(np.int32),
        np.full(len(quads), 4, np.int32),
        grid[quads.reshape(-1)].astype(np.float32),
    )


def skirt(
    body: dict, waist: float = 0.09, hem: float = -0.35, flare: float = 0.25, folds: int = 9
) -> Mesh:
    """A skirt that hangs from the waist round both legs.

    Args:
        body: `body.Body.spec()`.
        waist, hem: heights in template coordinates.
        flare: how much wider the hem is than the hips.
        folds: how many there are.
    """
    t, points = template(), posed(body)
    z = t.rest[:, 2]
    arm, _ = wear.arms()
    torso = ~arm & t.skin
    sides, down = 48, 12
    rings, angle = [], np.linspace(0, 2 * np.pi, sides + 1)[:-1]
    for k, height in enumerate(np.linspace(waist, hem, down)):
        share = k / (down - 1)
        band = points[torso & (np.abs(z - max(height, -0.30)) < 0.03)]
        centre, half = 0.5 * (band.min(0) + band.max(0)), 0.5 * (band.max(0) - band.min(0)) + 0.012
        level = points[torso & (np.abs(z - height) < 0.03), 2].mean()
        grow = 1 + flare * share**1.3 + 0.035 * share * np.sin(folds * angle)
        x = centre[0] + half[0] * grow * np.cos(angle)
        y = centre[1] + half[1] * grow * np.sin(angle)
        rings.append(np.stack([x, y, np.full(sides, level)], 1))
    # A skirt does not narrow between hip and knee.
    width = np.array([np.ptp(r[:, 0]) for r in rings])
    wider = np.maximum.accumulate(width) / width
    stack = np.stack(
        [r.mean(0) + (r - r.mean(0)) * [w, w, 1] for r, w in zip(rings, wider, strict=True)]
    )
    i, j = np.meshgrid(np.arange(down - 1), np.arange(sides), indexing="ij")
    here, below, after = i * sides, (i + 1) * sides, (j + 1) % sides
    quads = np.stack([here + j, below + j, below + after, here + after], -1)
    quads = quads[..., ::-1].reshape(-1, 4)
    uv = np.stack([(quads % sides) / 12, 1 - (quads // sides) / (down - 1)], -1)
    return Mesh(
        stack.reshape(-1, 3).astype(np.float32),
        quads.reshape(-1).astype(np.int32),
        np.full(len(quads), 4, np.int32),
        uv.reshape(-1, 2).astype(np.float32),
    )
