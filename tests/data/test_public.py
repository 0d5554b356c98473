"""Loaders of public sets, on fixtures in their layout."""

import pytest

from cvbook.data.public import grocery_store, sku110k


def test_sku110k(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "annotations").mkdir()
    for name in ("test_0.jpg", "test_1.jpg"):
        (tmp_path / "images" / name).write_bytes(b"x")
    table = tmp_path / "annotations" / "annotations_test.csv"
    table.write_text("test_0.jpg,1,2,30,40,object,100,200\ntest_0.jpg,5,6,7,8,object,100,200\ntest_1.jpg,0,0,9,9,object,10,10\n")
    first, second = sku110k(tmp_path)
    assert first.boxes == ((1, 2, 30, 40), (5, 6, 7, 8)) and second.path.name == "test_1.jpg"
    table.write_text("test_0.jpg,1,2\n")
    with pytest.raises(ValueError, match="line 1: expected image"):
        list(sku110k(tmp_path))
    with pytest.raises(FileNotFoundError, match="unpacked folder of SKU-110K"):
        list(sku110k(tmp_path, "val"))


def test_grocery_store(tmp_path):
    (tmp_path / "classes.csv").write_text(
        "Class Name (str), Class ID (int), Coarse Class Name (str), Coarse Class ID (int)\nGolden-Delicious, 0, Apple, 0\nOatly, 1, Milk, 7\n"
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
