import json

import numpy as np
import pytest
from datasets import Dataset

from cvbook.text import lines, shards


@pytest.mark.slow
def test_shards_resume_and_do_not_depend_on_workers(tmp_path):
    spec = shards.LineSet(lines=25, seed=3, difficulty=0.2, per_shard=10)
    manifest = json.loads(shards.write_lines(tmp_path / "a", spec).read_text())
    assert [s["lines"] for s in manifest["shards"]] == [10, 10, 5]
    names = [s["file"] for s in manifest["shards"]]
    shards.write_lines(tmp_path / "b", spec, workers=2)
    alone, shared = ([tmp_path / folder / name for name in names] for folder in "ab")
    assert [a.read_bytes() for a in alone] == [b.read_bytes() for b in shared]
    kept = shared[0].stat().st_mtime_ns
    shared[1].unlink()
    shared[1].with_name(f"{names[1]}.tmp").write_bytes(b"half written")
    shards.write_lines(tmp_path / "b", spec)
    assert shared[0].stat().st_mtime_ns == kept
    assert shared[1].read_bytes() == alone[1].read_bytes()
    row = Dataset.from_parquet(str(alone[0]), cache_dir=str(tmp_path / "cache"))[4]
    line = lines.make_line(3, 4, 0.2)
    assert row["text"] == line.text and np.array_equal(np.asarray(row["image"]), line.image)
    with pytest.raises(ValueError, match="other settings"):
        shards.write_lines(tmp_path / "a", shards.LineSet(lines=25, seed=4, per_shard=10))
