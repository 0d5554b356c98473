"""COCO detection files from rendered pictures, which every detector's loader reads."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as run_lengths

from cvbook.files import write_text
from cvbook.worlds.instances import Instance, instances
from cvbook.worlds.scene import Rendered
from cvbook.worlds.shelves.products import CATEGORIES


def _annotation(picture: Rendered, item: Instance, least_visible: float) -> dict:
    x0, y0, x1, y1 = item.visible
    code = run_lengths.encode(np.asfortranarray(picture.mask == item.label, np.uint8))
    return {
        "category_id": CATEGORIES.index(item.notes["category"]) + 1,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": int(run_lengths.area(code)),
        "iscrowd": int(item.fraction < least_visible),
        "sku": item.notes["sku"],
        "segmentation": {**code, "counts": code["counts"].decode()},
        "visible": round(item.fraction, 3),
    }


def export(pictures: list[Rendered], folder: Path | str, least_visible: float = 0.1) -> Path:
    """Write pictures as PNG and `instances.json` with what is known of the products in them.

    An annotation has box, mask, category, SKU and visible fraction.

    Args:
        pictures: rendered with masks.
        folder: created if need be.
        least_visible: products of which less is visible are marked `iscrowd` = 1, so that
            evaluation ignores them.

    Returns:
        The JSON file, which is written last.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    images: list[dict] = []
    annotations: list[dict] = []
    for number, picture in enumerate(pictures, 1):
        name = f"{number:06d}.png"
        Image.fromarray(picture.image).save(folder / name)
        height, width = picture.image.shape[:2]
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for item in instances(picture):
            if item.notes.get("kind") == "product":
                ids = {"id": len(annotations) + 1, "image_id": number}
                annotations.append(ids | _annotation(picture, item, least_visible))
    content = {
        "info": {"description": "Rendered shelves"},
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": i, "name": name, "supercategory": "product"}
            for i, name in enumerate(CATEGORIES, 1)
        ],
    }
    write_text(folder / "instances.json", json.dumps(content))
    return folder / "instances.json"
