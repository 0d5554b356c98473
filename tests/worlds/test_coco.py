from pycocotools.coco import COCO

from cvbook.worlds import coco
from cvbook.worlds.instances import instances
from cvbook.worlds.shelves.shelves import shelf


def test_coco_export_loads_in_pycocotools(render, tmp_path):
    picture = render(shelf(1, 0, size=(160, 120)))
    loaded = COCO(str(coco.export([picture], tmp_path)))
    assert not list(tmp_path.glob("*.tmp"))
    rows = loaded.loadAnns(loaded.getAnnIds(imgIds=[1]))
    products = [item for item in instances(picture) if item.notes.get("kind") == "product"]
    assert products
    for row, truth in zip(rows, products, strict=True):
        mask = loaded.annToMask(row)
        assert row["sku"] == truth.notes["sku"]
        assert loaded.cats[row["category_id"]]["name"] == truth.notes["category"]
        assert (mask == (picture.mask == truth.label)).all() and mask.sum() == row["area"]
        x, y, w, h = row["bbox"]
        assert mask[y : y + h, x : x + w].sum() == row["area"]
