import csv
import os
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from cvbook.images import ImageError
from cvbook.labels.user_folders import load_user_folders, reasons, write_report


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    colour, grey, transparent = (60, 80, 3), (60, 80), (60, 80, 4)
    shapes = {f"anna/{n}": colour for n in range(3)} | {f"<b>ob/{n}": colour for n in range(2)}
    for name, shape in (shapes | {"anna/grey": grey, "anna/alpha": transparent}).items():
        file = tmp_path / f"{name}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8)).save(file)
    (tmp_path / "anna" / "empty.jpg").touch()
    (tmp_path / "anna" / "notes.txt").write_text("not a picture, not listed")
    (tmp_path / "nobody").mkdir()
    return tmp_path


def test_folders_are_read_and_what_cannot_be_read_is_listed(folder):
    found = load_user_folders(folder, side=32)
    assert found.images.shape == (7, 3, 32, 32) and found.images.dtype == np.uint8
    assert found.users.count("anna") == 5 and found.users.count("<b>ob") == 2
    assert list(found.unreadable) == ["anna/empty.jpg"]
    assert "0 bytes" in found.unreadable["anna/empty.jpg"]


def test_wrong_layouts_are_one_sentence(tmp_path):
    with pytest.raises(ImageError, match="not a folder"):
        load_user_folders(tmp_path / "missing")
    with pytest.raises(ImageError, match="at least two users"):
        load_user_folders(tmp_path)
    Image.new("RGB", (9, 9)).save(tmp_path / "flat.png")
    with pytest.raises(ImageError, match="at least two users"):
        load_user_folders(tmp_path)


def test_the_report_names_every_file_and_deletes_none(folder, tmp_path):
    before = sorted(folder.rglob("*"))
    found = load_user_folders(folder)
    x = np.eye(8, dtype=np.float32)[: len(found.files)]
    keep = np.array([u == "anna" for u in found.users])
    why = reasons(x, found.users, keep, 0.9)
    assert "1.41 from the 4 others that stay" in why[found.users.index("anna")]
    assert why[found.users.index("<b>ob")] == "the user's pictures all lie apart"
    table, page = write_report(tmp_path / "out", found, keep, why)
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    verdicts = Counter(row["verdict"] for row in rows)
    assert verdicts == {"keep": 5, "drop": 2, "unreadable": 1}
    text = page.read_text(encoding="utf-8")
    assert text.count("<figure class=drop>") == 2 and "empty.jpg" in text
    assert "&lt;b&gt;ob" in text and "<b>ob" not in text
    assert sorted((tmp_path / "out").iterdir()) == sorted([table, page])
    assert [p for p in sorted(folder.rglob("*")) if "out" not in p.parts] == before


def test_names_that_are_not_utf_8_are_reported_as_they_are(folder, tmp_path):
    odd = folder / "anna" / os.fsdecode(b"\xff\n.png")
    odd.write_bytes((folder / "anna" / "0.png").read_bytes())
    (folder / "anna" / os.fsdecode(b"\xfe.jpg")).touch()
    found = load_user_folders(folder)
    keep = np.ones(len(found.files), bool)
    table, page = write_report(tmp_path / "out", found, keep, ["why"] * len(keep))
    assert b"anna/\xff\n.png" in table.read_bytes() and b"anna/\xfe.jpg" in table.read_bytes()
    assert r"\udcff\n.png" in page.read_text(encoding="utf-8")
