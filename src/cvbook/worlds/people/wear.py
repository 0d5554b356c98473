"""Hair, clothes and what else one wears: **a garment is a field on the body**.

A field is a smooth function of template coordinates, positive inside the garment. The garment is
the body's own skin, pushed out along its normals where the field is positive and sunk below the
skin where it is negative: its edge is then the field's zero line, smooth at any resolution, and it
follows every pose and build.
"""

from collections.abc import Callable

import numpy as np

from cvbook.worlds.people.body import template

Field = Callable[..., np.ndarray]


def arms() -> tuple[np.ndarray, np.ndarray]:
    """Which vertices belong to the arms, and how far from the shoulder each lies, metres."""
    t = template()
    names = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")
    arm = np.array([b.startswith(names) for b in t.bone])
    return arm, (np.abs(t.rest[:, 0]) - 0.15) * 0.73 + (0.5 - t.rest[:, 2]) * 0.68


def top(sleeve: float = 0.17, hem: float = -0.02, collar: float = 0.0) -> np.ndarray:
    """Shirt, jumper or jacket.

    Args:
        sleeve: length from the shoulder, 0 none to 0.36 wrist.
        hem: height.
        collar: lower (−) or higher (+).
    """
    x, y, z = template().rest.T
    arm, down = arms()
    chest, shoulders = np.maximum(0, -y - 0.06), np.maximum(0, np.abs(x) - 0.06)
    neck = 0.575 + collar - z - 0.35 * chest + 0.9 * shoulders
    return np.where(arm, sleeve - down, np.minimum(z - hem, neck))


def bottom(ankle: float = -0.72, waist: float = 0.10) -> np.ndarray:
    """Trousers or shorts.

    Args:
        ankle: height of the hem, −0.72 long to −0.25 short.
        waist: height of the belt.
    """
    t = template()
    arm, _ = arms()
    z = t.rest[:, 2]
    return np.where(arm, -1.0, np.minimum(z - ankle, waist - z))


def shoes(height: float = -0.735) -> np.ndarray:
    """Shoes up to a height."""
    return height - template().rest[:, 2]


def azimuth() -> np.ndarray:
    """Angle round the head's vertical axis, 0 at the nose, π at the back."""
    x, y, _ = template().rest.T
    return np.abs(np.arctan2(x, -(y + 0.04)))


def hair(
    front: float = 0.803,
    temple: float = 0.775,
    ear: float = 0.74,
    nape: float = 0.65,
    bald: float = 0.0,
) -> np.ndarray:
    """Hair on the scalp.

    Args:
        front, temple, ear, nape: heights of the hairline.
        bald: bare crown, 0 none to 1 horseshoe.
    """
    t = template()
    z, angle = t.rest[:, 2], azimuth()
    round_ = [0.0, 0.75, 1.25, 1.75, 2.3, np.pi]
    heights = [front, temple + 0.015, temple - 0.015, ear, 0.5 * (ear + nape), nape]
    inside = z - np.interp(angle, round_, heights)
    if bald:
        crown = 0.865 - 0.075 * bald - z + 0.02 * (angle > 2.0) * (angle - 2.0)
        inside = np.minimum(inside, crown)
    return np.where(t.head, inside, -1.0)


def beard() -> np.ndarray:
    """Full beard."""
    t = template()
    x, y, z = t.rest.T
    a = azimuth()
    cheek = np.interp(a, [0.0, 0.5, 1.0, 1.5], [0.688, 0.668, 0.672, 0.71]) - z
    lips = np.hypot(x / 1.5, z - 0.655) - 0.0145
    return np.where(t.head, np.minimum.reduce([cheek, lips, z - 0.605, 1.5 - a]), -1.0)


def face_mask() -> np.ndarray:
    """A surgical mask."""
    t = template()
    z, a = t.rest[:, 2], azimuth()
    away = [np.linalg.norm(t.rest - t.rest[e].mean(0), axis=1) for e in t.eyes]
    edges = [0.703 - 0.02 * a - z, z - 0.612 - 0.03 * a, 1.2 - a, np.min(away, axis=0) - 0.025]
    return np.where(t.head, np.minimum.reduce(edges), -1.0)


def beanie(edge: float = 0.77) -> np.ndarray:
    """A knitted hat above an edge that falls towards the back."""
    t = template()
    return np.where(t.head, t.rest[:, 2] - edge + 0.02 * azimuth(), -1.0)


FIELDS: dict[str, Field] = {
    "top": top,
    "bottom": bottom,
    "shoes": shoes,
    "hair": hair,
    "beard": beard,
    "face_mask": face_mask,
    "beanie": beanie,
}


def field(name: str, **arguments: float) -> np.ndarray:
    """The field float[V] of a garment; raises ValueError for an unknown one."""
    if name not in FIELDS:
        raise ValueError(f"There is no garment {name!r}; there are {', '.join(FIELDS)}.")
    inside = FIELDS[name](**arguments)
    return np.where(template().skin, inside, -1.0)  # not on eyeballs and teeth
