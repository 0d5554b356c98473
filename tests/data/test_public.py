"""Loaders of public sets, on fixtures in their layout."""

import pytest

from cvbook.data.public import grocery_store, market1501, sku110k


def test_sku110k(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "annotations").mkdir()
    for name in ("test_0.jpg", "test_1.jpg"):
        (tmp_path / "images" / name).write_bytes(b"x")
    table = tmp_path / "annotations" / "annotations_test.csv"
    boxes = "0.jpg,1,2,30,40", "0.jpg,5,6,7,8", "1.jpg,0,0,9,9"
    table.write_text("".join(f"test_{box},object,100,200\n" for box in boxes))
    first, second = sku110k(tmp_path)
    assert first.boxes == ((1, 2, 30, 40), (5, 6, 7, 8)) and second.path.name == "test_1.jpg"
    table.write_text("test_0.jpg,1,2\n")
    with pytest.raises(ValueError, match="line 1: expected image"):
        list(sku110k(tmp_path))
    with pytest.raises(FileNotFoundError, match="unpacked folder of SKU-110K"):
        list(sku110k(tmp_path, "val"))


def test_grocery_store(tmp_path):
    (tmp_path / "classes.csv").write_text(
        "Class Name (str), Class ID (int), Coarse Class Name (str), Coarse Class ID (int)\n"
        "Golden-Delicious, 0, Apple, 0\nOatly, 1, Milk, 7\n"
    )
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "test.txt").write_text("a.jpg, 1, 7\n\n")
    (photo,) = grocery_store(tmp_path)
    assert (photo.name, photo.coarse, photo.path.name) == ("Oatly", "Milk", "a.jpg")
    (tmp_path / "test.txt").write_text("a.jpg, 9, 7\n")
    with pytest.raises(ValueError, match="two known class numbers"):
        list(grocery_store(tmp_path))
    with pytest.raises(FileNotFoundError, match="Grocery Store"):
        list(grocery_store(tmp_path / "nowhere"))


def test_market1501(tmp_path):
    names = {
        "query": ["0002_c1s1_000451_03"],
        "bounding_box_test": ["0002_c3s1_000551_00", "-1_c2s1_000001_00", "0000_c5s3_000123_01"],
    }
    for place, found in names.items():
        (tmp_path / place).mkdir()
        for name in found:
            (tmp_path / place / f"{name}.jpg").write_bytes(b"x")
    (query,) = market1501(tmp_path)
    assert (query.identity, query.camera, query.path.name) == (2, 1, "0002_c1s1_000451_03.jpg")
    # junk is left out, distractors stay
    assert [(p.identity, p.camera) for p in market1501(tmp_path, "gallery")] == [(0, 5), (2, 3)]
    with pytest.raises(ValueError, match="choose one of train, query, gallery"):
        next(market1501(tmp_path, "val"))
    with pytest.raises(FileNotFoundError, match="Market-1501"):
        next(market1501(tmp_path, "train"))
    (tmp_path / "bounding_box_train").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no .jpg"):
        next(market1501(tmp_path, "train"))
    (tmp_path / "query" / "me.jpg").write_bytes(b"x")
    with pytest.raises(ValueError, match="me.jpg is not named"):
        list(market1501(tmp_path))


def test_rows_that_leave_the_folder_or_hold_no_box(tmp_path):
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    for name in ("secret.jpg", "set/images/a.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (folder / "images" / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    table = folder / "annotations" / "annotations_test.csv"
    for name in ("../../secret.jpg", str(tmp_path / "secret.jpg"), "out.jpg"):
        table.write_text(f"a.jpg,1,2,3,4,object,9,9\n{name},1,2,3,4,object,9,9\n")
        with pytest.raises(ValueError, match="line 2: .*outside"):
            list(sku110k(folder))
    for box in ("3,2,1,4", "1,4,3,2", "nan,2,3,4", "1,2,inf,4", "1,2,1e30,4"):
        table.write_text(f"a.jpg,{box},object,9,9\n")
        with pytest.raises(ValueError, match="line 1: .* is no box"):
            list(sku110k(folder))
    (folder / "classes.csv").write_text("head\nMilk, 0, Milk, 0\n")
    (folder / "test.txt").write_text("../secret.jpg, 0, 0\n")
    with pytest.raises(ValueError, match="test.txt, line 1: .*outside"):
        list(grocery_store(folder))
    (folder / "classes.csv").write_text("head\nMilk\n")
    with pytest.raises(ValueError, match="classes.csv, line 2"):
        list(grocery_store(folder))
