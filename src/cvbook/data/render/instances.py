"""Labels of a rendered picture: boxes, visible fractions and masks, all derived from the scene and the instance mask."""

import json
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from cvbook.data.render import shapes
from cvbook.data.render.renderer import Rendered
from cvbook.data.render.scene import project
from cvbook.data.text import effects


@dataclass(frozen=True)
class Instance:
    """One labelled thing in a picture.

    Attributes:
        label: its number in the mask.
        visible: box (x0, y0, x1, y1) of its visible pixels, x1 and y1 exclusive.
        whole: box float (x0, y0, x1, y1) of all of it, hidden and outside parts too, in pixels.
        fraction: visible share of its silhouette, 0 to 1; what the picture's border cuts off counts as hidden.
        notes: what the scene says of it.
    """

    label: int
    visible: tuple[int, int, int, int]
    whole: tuple[float, float, float, float]
    fraction: float
    notes: dict


@lru_cache(maxsize=4096)
def _vertices(spec: str) -> np.ndarray:
    return shapes.build(json.loads(spec)).vertices


def instances(rendered: Rendered, least: int = 8) -> list[Instance]:
    """The labelled things of which at least `least` pixels are visible, by label.

    Raises:
        ValueError: the scene was rendered without masks.
    """
    if rendered.mask is None:
        raise ValueError("This picture has no instance mask: render the scene with masks=True.")
    scene = rendered.scene
    corners: dict[int, list[np.ndarray]] = {}
    for thing in scene.things:
        if thing.label:
            local = _vertices(json.dumps(thing.mesh))
            corners.setdefault(thing.label, []).append(local @ thing.matrix()[:3, :3].T + thing.position)
    found = []
    labels, counts = np.unique(rendered.mask, return_counts=True)
    for label, count in zip(labels.tolist(), counts.tolist()):
        if not label or count < least:
            continue
        ys, xs = np.nonzero(rendered.mask == label)
        points = project(np.concatenate(corners[label]), scene.camera, scene.size)[:, :2].astype(np.float32)
        # Goods are nearly convex: the hull of the projected corners is their silhouette.
        area = cv2.contourArea(cv2.convexHull(points))
        low, high = points.min(0), points.max(0)
        found.append(Instance(
            label, (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1), (*low.tolist(), *high.tolist()),
            float(min(1.0, count / max(area, 1.0))), scene.notes.get(str(label), {}),
        ))  # fmt: skip
    return found


def shoot(image: np.ndarray, rng: np.random.Generator, strength: float = 0.5) -> np.ndarray:
    """What a hand-held camera makes of a perfect picture uint8[H, W, 3]: now and then blur, then grain and JPEG blocks; no pixel moves."""
    if rng.random() < 0.3:
        image = effects.motion_blur(image, float(rng.uniform(0, 6 * strength)) / (0.16 * image.shape[0]), rng)  # up to 6 pixels
    if rng.random() < 0.3:
        image = effects.defocus(image, float(rng.uniform(0, 1.6 * strength)) / (0.05 * image.shape[0]), rng)  # sigma up to 1.6 pixels
    image = effects.noise(image, float(rng.uniform(0, 0.25 * strength)), rng)
    return effects.jpeg(image, float(rng.uniform(0, 0.7 * strength)), rng)
