"""The models on your own pictures."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from cvbook.data import open_set


def test_age_reads_people_and_explains_mistakes(call, tmp_path):
    from cvbook.models.mivolo import mivolo_small, save_checkpoint

    save_checkpoint(mivolo_small(), tmp_path / "model.pth.tar", 1, 95)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)).save(
        tmp_path / "crowd.png"
    )
    Image.new("RGB", (200, 200)).save(tmp_path / "nobody.png")
    given = ("--checkpoint", tmp_path / "model.pth.tar")
    out = call(
        "age",
        tmp_path / "crowd.png",
        *given,
        "--face",
        "20,20,60,60",
        "--face",
        "120,20,160,60",
        "--body",
        "0,0,90,200",
    ).stdout
    first, second = (line.split("\t") for line in out.splitlines())
    assert (
        first[3:] == ["face (20, 20, 60, 60)", "body (0, 0, 90, 200)"] and second[4] == "body None"
    )
    assert 0 < float(first[1]) < 100 and first[2].startswith(("male", "female"))
    assert "nobody was found" in call("age", tmp_path / "nobody.png", *given).stderr
    assert (
        "four whole numbers"
        in call("age", tmp_path / "nobody.png", *given, "--face", "1,2,3", code=1).stderr
    )
    assert (
        "is empty"
        in call("age", tmp_path / "nobody.png", *given, "--face", "5,5,5,9", code=1).stderr
    )
    assert (
        "not a checkpoint of MiVOLO"
        in call(
            "age", tmp_path / "nobody.png", "--checkpoint", tmp_path / "nobody.png", code=1
        ).stderr
    )
    assert "does not exist" in call("age", tmp_path / "none.png", *given, code=1).stderr


def test_age_goes_on_after_a_picture_that_cannot_be_used(call, tmp_path):
    from cvbook.models.mivolo import mivolo_small, save_checkpoint

    save_checkpoint(mivolo_small(), tmp_path / "model.pth.tar", 1, 95)
    folder = tmp_path / "people"
    folder.mkdir()
    for name, size in (("a", 200), ("d", 200), ("c", 50)):
        Image.new("RGB", (size, size), (90, 9, 9)).save(folder / f"{name}.png")
    (folder / "b.png").write_bytes(b"no")
    given = ("--checkpoint", tmp_path / "model.pth.tar")
    boxes = ("--face", "60,60,90,90", "--face", "-10,100,40,900")
    done = call("age", folder, tmp_path / "none.png", *given, *boxes, code=1)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [Path(row[0]).name for row in rows] == ["a.png", "a.png", "d.png", "d.png"]
    assert rows[1][3] == "face (0, 100, 40, 200)"
    wrong = done.stderr.splitlines()
    assert len(wrong) == 3 and "b.png is not a picture" in wrong[0] and "does not exist" in wrong[2]
    assert "c.png: The box 60,60,90,90 lies outside" in wrong[1] and "50 × 50 pixels" in wrong[1]
    assert (
        "holds no pictures" in call("age", tmp_path / "none", folder.parent, *given, code=1).stderr
    )


def test_search_builds_an_index_and_finds_the_product(call, tmp_path):
    data = open_set.products()
    some = np.unique(data.test.labels)[:6].tolist()
    for c in some:
        for i in np.flatnonzero(data.test.labels == c)[:5]:
            (tmp_path / "photos" / str(c)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(data.test.images[i].permute(1, 2, 0).numpy()).save(
                tmp_path / "photos" / str(c) / f"{i}.png"
            )
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no")
    built = call("search", "build", tmp_path / "photos", "--index", tmp_path / "index")
    assert "30 pictures are in" in built.stdout and "left out broken.jpg" in built.stderr
    query = next((tmp_path / "photos" / str(some[0])).iterdir())
    found = call(
        "search",
        "query",
        query,
        "--index",
        tmp_path / "index",
        "--k",
        5,
        "--out",
        tmp_path / "page.html",
    ).stdout
    assert found.splitlines()[0].startswith("1.000") and str(query) in found.splitlines()[0]
    assert (
        sum(f"/{some[0]}/" in line for line in found.splitlines()) >= 3
        and (tmp_path / "page.html").exists()
    )


def test_search_explains_mistakes(call, tmp_path):
    assert "is not a folder" in call("search", "build", tmp_path / "none", code=1).stderr
    assert (
        "no_such_net"
        in call("search", "build", tmp_path, "--backbone", "no_such_net", code=1).stderr
    )
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert (
        "is not an index"
        in call("search", "query", tmp_path / "a.png", "--index", tmp_path / "none", code=1).stderr
    )
    assert "does not exist" in call("search", "query", tmp_path / "b.png", code=1).stderr


def test_names_of_all_kinds_are_indexed_found_and_printed(call, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in (b"\xff.png", b"a\n\x1b[2J.png", b"-k.png"):
        Image.new("RGB", (8, 8), (9, 90, 9)).save(photos / os.fsdecode(name))
    (photos / os.fsdecode(b"\xfe.png")).touch()
    index = ("--index", tmp_path / "index")
    built = call("search", "build", photos, *index)
    assert r"left out \udcfe.png" in built.stderr
    assert "3 pictures are in" in built.stdout and "1 looked at, 2 known or copies" in built.stdout
    assert "0 looked at, 3 known" in call("search", "build", photos, *index).stdout
    query = (photos / os.fsdecode(b"\xff.png"), *index, "--out", tmp_path / "page.html")
    out = call("search", "query", *query).stdout
    assert len(out.splitlines()) == 4 and r"\udcff.png" in out and "\x1b" not in out
    assert out.count("the same file as") == 2


def test_wrong_numbers_are_one_sentence(call, tmp_path):
    for given in (
        ("search", "query", "a.png", "--k", "0"),
        ("search", "query", "a.png", "--k", "-1"),
        ("search", "build", tmp_path, "--side", "-3"),
        ("search", "build", tmp_path, "--side", "100000"),
    ):
        error = call(*given, code=2).stderr
        assert "than or equal to" in error or "range" in error
        assert "Traceback" not in error


def test_an_index_alone_makes_nothing_be_fetched_or_run(call, tmp_path):
    """What it names may come from a stranger; what the user types is the user's."""
    from cvbook.deploy import index_file

    photos, out = tmp_path / "photos", tmp_path / "index"
    photos.mkdir()
    Image.new("RGB", (8, 8)).save(photos / "a.png")
    call("search", "build", photos, "--index", out)
    stored = index_file.read(out)
    evil = tmp_path / "evil.pth"
    evil.write_bytes(b"cos\nsystem\n(S'touch " + bytes(tmp_path / "run") + b"'\ntR.")

    def query(model: object, *more: str) -> str:
        text = model if isinstance(model, str) else json.dumps(model)
        index_file.write(out, replace(stored, about=stored.about | {"model": text}))
        given = ("search", "query", photos / "a.png", "--index", out, *more)
        error = call(*given, code=1).stderr
        assert len(error.splitlines()) == 1 and "Traceback" not in error, error
        return error

    for name in ("resnet18", "hf-hub:some/one", "hf_hub:some/one", "local-dir:/tmp", "../book"):
        assert "is to be fetched. Name it yourself" in query([name, ""])
    for name in ("hf-hub:some/one", "local-dir:/tmp"):
        assert "Name it yourself" in query([name, str(evil)])
    assert "is no longer at" in query(["resnet18", str(tmp_path / "none.pth")])
    assert "No backbone 'resnet18'" in query(["resnet18", str(evil)])
    assert not (tmp_path / "run").exists()
    assert "not with 'resnet50'" in query(["resnet18", ""], "--backbone", "resnet50")
    for broken in (
        "",
        "book",
        [],
        ["book"],
        ["book", "", ""],
        [1, 2],
        ["a/b", 5],
        {"a": 1},
        None,
        "[" * 9999,
    ):
        assert "names no network" in query(broken)


def test_a_backbone_that_cannot_be_fetched_is_one_sentence(call, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    error = call(
        "search", "build", tmp_path, "--backbone", "resnet18", "--index", tmp_path / "index", code=1
    ).stderr
    assert (
        "No backbone 'resnet18' from the hub" in error
        and "Traceback" not in error
        and not (tmp_path / "index").exists()
    )
