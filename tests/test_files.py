"""Nothing half-written, and no two writers in one file."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from cvbook.files import inside, printable, replacing, write_text


def test_a_file_appears_whole_with_the_folders_above_it(tmp_path):
    target = tmp_path / "new" / "folder" / "Отчёт.json"
    with replacing(target) as part:
        assert part.parent == target.parent and part.suffix == ".tmp"
        part.write_text("half")
        assert not target.exists()
    assert target.read_text() == "half" and list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "card.json"
    write_text(target, "old")
    with pytest.raises(RuntimeError, match="disk"), replacing(target) as part:
        part.write_text("half of the new")
        raise RuntimeError("the disk is full")
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_writers_at_once_do_not_share_a_temporary_file(tmp_path):
    target, texts = tmp_path / "rows.txt", [str(i) * 200_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_text(target, text), texts))
    assert target.read_text() in texts and list(tmp_path.iterdir()) == [target]
    with replacing(target) as one, replacing(target) as other:
        assert one != other
        one.touch()
        other.touch()


def test_a_name_as_long_as_may_be_works(tmp_path):
    target = tmp_path / ("ж" * 125 + ".json")  # 255 bytes
    write_text(target, "there")
    assert target.read_text() == "there"


@pytest.mark.parametrize("name", ["a.png", "sub/a.png", "./a.png", "-a\nb: c\\.png", "я.png"])
def test_names_in_a_folder(tmp_path, name):
    assert inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name", ["../a.png", "sub/../../a.png", "sub/../a.png", "/etc/passwd", ".."]
)
def test_names_that_leave_a_folder(tmp_path, name):
    with pytest.raises(ValueError, match="outside"):
        inside(tmp_path, name)


@pytest.mark.parametrize("name", ["", "a\0.png", None, 7, ["a.png"]])
def test_what_is_no_name(tmp_path, name):
    with pytest.raises(ValueError, match="not the name"):
        inside(tmp_path, name)


def test_a_link_that_leads_out_is_refused_and_one_that_stays_is_not(tmp_path):
    folder, secret = tmp_path / "folder", tmp_path / "secret.png"
    folder.mkdir()
    secret.touch()
    (folder / "own.png").touch()
    (folder / "out.png").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    (folder / "in.png").symlink_to(folder / "own.png")
    assert inside(folder, "in.png").exists()
    for name in ("out.png", "up/secret.png"):
        with pytest.raises(ValueError, match="outside"):
            inside(folder, name)


def test_marks_that_turn_the_writing_are_shown_as_what_they_are():
    for mark in "\u061c\u200e\u200f\u202e\u2066":
        assert mark not in printable(f"a{mark}b") and printable(f"a{mark}b").isascii()
    assert printable("é ю\n") == "é ю\\n"
