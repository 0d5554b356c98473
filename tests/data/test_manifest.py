"""The shipped files are as the manifest says, and stay small."""

import pytest

from cvbook.data import manifest
from cvbook.paths import DATA


def test_nothing_is_missing_changed_or_undescribed():
    assert manifest.verify() == []


def test_a_changed_and_a_stray_file_are_found(tmp_path, monkeypatch):
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "a.ttf").write_bytes(b"a")
    row = "{what: f, licence: l, source: s, sha256: '', rows: one}"
    (tmp_path / "manifest.yaml").write_text(f"fonts/*.ttf: {row}\nx.txt: {row}\n")
    (tmp_path / "x.txt").touch()
    monkeypatch.setattr(manifest, "DATA", tmp_path)
    manifest.rehash()
    assert manifest.verify() == []
    (tmp_path / "fonts" / "a.ttf").write_bytes(b"b")
    (tmp_path / "x.txt").unlink()
    (tmp_path / "stray.bin").write_bytes(b"?")
    changed, missing, stray = manifest.verify()
    assert "fonts/*.ttf has changed" in changed
    assert "x.txt is missing" in missing
    assert "stray.bin is not in the manifest" in stray


def test_sizes():
    for pattern, megabytes in (("fonts/*.ttf", 4), ("weights/*", 10), ("scans/*", 3)):
        sizes = [p.stat().st_size for p in DATA.glob(pattern)]
        assert 0 < sum(sizes) < 1e6 * megabytes, pattern


def test_every_row_says_what_and_under_which_licence():
    rows = manifest.entries()
    assert len(rows) > 5 and all(e.what and e.licence and e.source and e.rows for e in rows)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must map"),
        ("- a", "must map"),
        ("a: [", "no YAML"),
        ("/etc/*: {}", "no path"),
        ("../x: {}", "no path"),
        ("1: {}", "no path"),
        ("a.txt: {what: w}", "a.txt must have"),
        ("a.txt: w", "a.txt must have"),
        ("a.txt: {what: f, licence: l, source: s, sha256: 1, rows: one}", "no text"),
        ("a**b: {what: f, licence: l, source: s, sha256: '', rows: one}", "no pattern"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, monkeypatch, text, said):
    (tmp_path / "manifest.yaml").write_text(text)
    monkeypatch.setattr(manifest, "DATA", tmp_path)
    for ask in (manifest.verify, manifest.rehash):
        with pytest.raises(ValueError, match=f"data/manifest.yaml.*{said}"):
            ask()
