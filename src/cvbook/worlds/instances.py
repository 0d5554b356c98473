"""Labels of a rendered picture: boxes, visible fractions and masks.

All are derived from the scene and the instance mask.
"""

import json
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from cvbook.worlds.meshing import build
from cvbook.worlds.scene import NO_MASKS, Rendered, project


@dataclass(frozen=True)
class Instance:
    """One labelled thing in a picture.

    Attributes:
        label: its number in the mask.
        visible: box (x0, y0, x1, y1) of its visible pixels, x1 and y1 exclusive.
        whole: box float (x0, y0, x1, y1) of all of it, hidden and outside parts too, in pixels.
        fraction: visible share of its silhouette, 0 to 1; what the picture's border cuts off counts
            as hidden.
        notes: what the scene says of it.
    """

    label: int
    visible: tuple[int, int, int, int]
    whole: tuple[float, float, float, float]
    fraction: float
    notes: dict


@lru_cache(maxsize=4096)
def _vertices(spec: str) -> np.ndarray:
    return build(json.loads(spec)).vertices


def instances(rendered: Rendered, least: int = 8) -> list[Instance]:
    """The labelled things of which at least `least` pixels are visible, by label.

    Raises:
        ValueError: the scene was rendered without masks.
    """
    scene, mask = rendered.scene, rendered.mask
    if mask is None:
        raise ValueError(NO_MASKS)
    corners: dict[int, list[np.ndarray]] = {}
    for thing in scene.things:
        if thing.label:
            local = _vertices(json.dumps(thing.mesh))
            world = local @ thing.matrix()[:3, :3].T + thing.position
            corners.setdefault(thing.label, []).append(world)
    found = []
    labels, counts = np.unique(mask, return_counts=True)
    for label, count in zip(labels.tolist(), counts.tolist(), strict=True):
        if not label or count < least:
            continue
        ys, xs = np.nonzero(mask == label)
        flat = project(np.concatenate(corners[label]), scene.camera, scene.size)
        points = flat[:, :2].astype(np.float32)
        # Goods are nearly convex: the hull of the projected corners is their silhouette.
        area = cv2.contourArea(cv2.convexHull(points))
        low, high = points.min(0), points.max(0)
        found.append(
            Instance(
                label=label,
                visible=(int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1),
                whole=(*low.tolist(), *high.tolist()),
                fraction=float(min(1.0, count / max(area, 1.0))),
                notes=scene.notes.get(str(label), {}),
            )
        )
    return found
