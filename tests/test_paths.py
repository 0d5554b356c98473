import pytest

from cvbook import paths


def test_what_is_missing_is_named_with_what_to_do(monkeypatch, tmp_path):
    assert paths.data_path("fonts").is_dir()
    monkeypatch.setattr(paths, "DATA", tmp_path)
    with pytest.raises(FileNotFoundError, match="fonts is missing.*set CVBOOK_ROOT"):
        paths.data_path("fonts")


def test_a_benchmark_that_has_not_run_is_named_with_its_command(monkeypatch, tmp_path):
    assert paths.stored_benchmark("timing/search")["rows"]
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    with pytest.raises(FileNotFoundError, match="run `python benchmarks/timing/search.py` first"):
        paths.stored_benchmark("timing/search")
