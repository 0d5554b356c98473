"""The reader on your own pictures."""

import json
import os

import numpy as np
from PIL import Image

from cvbook.paths import ROOT
from cvbook.text.alphabet import ACCENTED_LANGUAGES

NAMES = (
    *("French", "German", "Spanish", "Italian", "Portuguese", "Polish"),
    *("Czech", "Hungarian", "Romanian", "Swedish", "Danish"),
)


def test_read_prints_text_and_json(call, tmp_path):
    out = call("read", "data/scans/form-brakes.png").stdout
    assert "торможения" in out and len(out.splitlines()) >= 20
    row = json.loads(call("read", "--json", "data/scans/page.png").stdout)
    assert row["lines"][0]["text"].startswith("Region") and len(row["lines"][0]["corners"]) == 4


def test_read_names_what_it_cannot_read_and_goes_on(call, tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.png").write_text("not a picture")
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    done = call(
        "read",
        tmp_path / "empty.png",
        tmp_path / "notes.png",
        tmp_path / "nowhere.png",
        tmp_path / "blank.png",
        code=1,
    )
    for message in ("0 bytes", "not a picture", "does not exist", "no text was found"):
        assert message in done.stderr
    assert "Traceback" not in done.stderr
    folder = tmp_path / "folder"
    folder.mkdir()
    assert "holds no pictures" in call("read", folder, code=1).stderr


def test_read_takes_pdf(call, tmp_path):
    scan = Image.open(ROOT / "data" / "scans" / "form-engine.png").convert("L")
    scan.save(tmp_path / "two.pdf", save_all=True, append_images=[scan], resolution=200)
    out = call("read", tmp_path / "two.pdf").stdout
    assert "page 1" in out and "page 2" in out and out.count("систем") >= 2


def test_read_goes_on_after_a_bad_file_and_says_what_it_left_out(call, tmp_path):
    for name in ("a.png", "c.png"):
        (tmp_path / name).write_bytes((ROOT / "data" / "scans" / "trenches.png").read_bytes())
    (tmp_path / "b.png").write_bytes(b"hello")
    (tmp_path / "notes.docx").write_bytes(b"PK")
    (tmp_path / os.fsdecode(b"d\xe9.png")).write_bytes(b"hello")
    done = call("read", tmp_path, code=1)
    assert done.stdout.count("== ") == 2 and "b.png is not a picture" in done.stderr
    assert "Left out" in done.stderr and "notes.docx" in done.stderr


def test_read_says_how_a_page_lay_and_prints_marks_only_if_asked(call, tmp_path):
    scan = Image.open(ROOT / "data" / "scans" / "form-engine.png")
    scan.rotate(180).save(tmp_path / "turned.png")
    page = json.loads(call("read", "--json", tmp_path / "turned.png").stdout)
    assert page["turned"] == 180 and "систем" in " ".join(r["text"] for r in page["lines"])
    boxes = call("read", "--boxes", tmp_path / "turned.png").stdout.splitlines()
    assert boxes == [r["text"] for r in page["lines"]]
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    Image.fromarray(noise).resize((900, 600)).save(tmp_path / "photo.png")
    assert call("read", tmp_path / "photo.png").stdout.strip() == ""


def test_read_goes_on_after_a_name_that_no_file_system_has(call):
    done = call("read", "x" * 300, "data/scans/form-engine.png", code=1)
    assert "систем" in done.stdout and "xxx cannot be opened" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_languages_of_the_help_are_those_of_the_recogniser(call):
    names = dict(zip(ACCENTED_LANGUAGES, NAMES, strict=True))
    said = " ".join(call("read", "--help").stdout.split())
    assert all(name in said for name in names.values()) and len(names) == 11
    for text in (said, (ROOT / "README.md").read_text()):
        assert "eleven more languages" in text
