"""The shipped files are as the manifest says, and stay small."""

from cvbook.data import manifest
from cvbook.paths import DATA


def test_nothing_is_missing_changed_or_undescribed():
    assert manifest.verify() == []


def test_a_changed_and_a_stray_file_are_found(tmp_path, monkeypatch):
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "a.ttf").write_bytes(b"a")
    (tmp_path / "manifest.yaml").write_text(
        "fonts/*.ttf: {what: f, licence: l, source: s, sha256: '', rows: one}\nx.txt: {what: f, licence: l, source: s, sha256: '', rows: one}\n"
    )
    monkeypatch.setattr(manifest, "DATA", tmp_path)
    manifest.rehash()
    assert [w for w in manifest.verify() if "a.ttf" in w] == []
    (tmp_path / "fonts" / "a.ttf").write_bytes(b"b")
    (tmp_path / "stray.bin").write_bytes(b"?")
    wrong = " ".join(manifest.verify())
    assert (
        "fonts/*.ttf has changed" in wrong
        and "stray.bin is not in the manifest" in wrong
        and "x.txt is missing" in wrong
    )


def test_sizes():
    size = lambda pattern: sum(p.stat().st_size for p in DATA.glob(pattern)) / 1e6  # noqa: E731
    assert size("fonts/*.ttf") < 4 and size("weights/*") < 10 and size("scans/*") < 3


def test_every_row_says_what_and_under_which_licence():
    assert all(e.what and e.licence and e.source and e.rows for e in manifest.entries())
