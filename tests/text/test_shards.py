import json

import numpy as np
import pytest

from cvbook.text import lines, shards


def test_shards_resume_and_do_not_depend_on_workers(tmp_path):
    spec = shards.LineSet(lines=25, seed=3, difficulty=0.2, per_shard=10)
    manifest = json.loads(shards.write_lines(tmp_path / "a", spec).read_text())
    assert [s["lines"] for s in manifest["shards"]] == [10, 10, 5]
    names = [s["file"] for s in manifest["shards"]]
    shards.write_lines(tmp_path / "b", spec, workers=2)
    assert all(
        (tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names
    )
    kept = (tmp_path / "b" / names[0]).stat().st_mtime_ns
    (tmp_path / "b" / names[1]).unlink()
    (tmp_path / "b" / f"{names[1]}.tmp").write_bytes(b"half written")
    shards.write_lines(tmp_path / "b", spec)
    assert (tmp_path / "b" / names[0]).stat().st_mtime_ns == kept
    assert (tmp_path / "a" / names[1]).read_bytes() == (tmp_path / "b" / names[1]).read_bytes()

    from datasets import Dataset

    row = Dataset.from_parquet(str(tmp_path / "a" / names[0]), cache_dir=str(tmp_path / "cache"))[4]
    assert row["text"] == lines.make_line(3, 4, 0.2).text
    assert np.array_equal(np.asarray(row["image"]), lines.make_line(3, 4, 0.2).image)
    with pytest.raises(ValueError, match="other settings"):
        shards.write_lines(tmp_path / "a", shards.LineSet(lines=25, seed=4, per_shard=10))
