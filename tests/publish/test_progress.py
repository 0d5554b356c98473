"""What one sees while the graph runs."""

import os
import subprocess
import time

import pytest

from cvbook.publish import chapters, progress
from cvbook.publish.progress import Report, Run


def run(folder, name: str, expected: float) -> Run:
    return Run(folder / "ci-0" / name / f"{name}.ipynb", expected)


def end(one: Run, minutes: float) -> None:
    one.log.parent.mkdir(parents=True, exist_ok=True)
    one.log.write_text(f"{one.target.stem} took {minutes} minutes.\n")
    one.target.write_text("{}")


def test_a_line_a_chapter_with_what_is_left_at_the_pace_so_far(tmp_path):
    runs = [run(tmp_path, name, 2.0) for name in ("01-first", "02-second", "03-third")]
    report = Report(runs, cores=1)
    assert report.to_go() == 6 and report.look() == []
    end(runs[1], 4.0)  # twice as long as expected
    assert report.look() == [f"{'02-second':28}  4.0 minutes   2 left, about 8 minutes to go"]
    assert report.look() == []
    end(runs[0], 2.0)
    end(runs[2], 2.0)
    last = report.look()[-1]
    assert last.endswith("2.0 minutes") and not report.left and report.to_go() == 0


def test_what_was_there_before_is_not_reported(tmp_path):
    old = run(tmp_path, "01-first", 1.0)
    end(old, 1.0)
    os.utime(old.log, (time.time() - 60, time.time() - 60))
    assert Report([old], 1).look() == []


def test_side_by_side_the_longest_decides(tmp_path):
    runs = [run(tmp_path, f"0{i}-x", m) for i, m in enumerate((8.0, 1.0, 1.0))]
    assert Report(runs, cores=2).to_go() == 8 and Report(runs, cores=1).to_go() == 10


def test_failures_are_told_at_once_and_old_logs_are_not(tmp_path):
    runs = [run(tmp_path, f"0{i}-x", 1.0) for i in range(4)]
    report = Report(runs, 1)
    said = ("failed in cell 3:\n1/0\n\n" + chapters.FAILED, "MemoryError", "old", "")
    for one, text in zip(runs, said, strict=True):
        one.log.parent.mkdir(parents=True)
        one.log.write_text(text)
    os.utime(runs[2].log, (1, 1))
    assert report.look() == [f"{'00-x':28} failed   3 left, about 3 minutes to go"]
    assert report.look() == [] and [one.name for one in report.failed] == ["00-x"]
    first, second = report.failures()
    assert "1/0" in first and str(runs[0].log) in first and second.endswith("MemoryError")


def test_study_runs_are_named_and_timed_as_such(tmp_path):
    assert Run(tmp_path / "study-3" / "08-x" / "08-x.ipynb", 1.0).name == "08-x study-3"
    name = chapters.find("08").stem
    assert progress.expected("ci", name) == chapters.minutes(chapters.find(name))
    assert progress.expected("study", name) > progress.expected("ci", name)
    assert progress.expected("full", name) == 15


SUMMARY = """output_file\tdate\trule\tlog-file(s)\tstatus\tplan
runs/data-verified\t-\tverify\t-\tmissing\tupdate pending
runs/ci-0/02-synthetic-text/02-synthetic-text.ipynb\t-\tchapter\t-\tmissing\tupdate pending
runs/study-4/10-distillation/10-distillation.ipynb\t-\tchapter\t-\tok\tupdate pending
runs/ci-0/04-crowd-labels/04-crowd-labels.ipynb\t-\tchapter\t-\tok\tno update
"""


def test_the_plan_is_what_snakemake_would_run(monkeypatch):
    done = subprocess.CompletedProcess([], 0, SUMMARY, "")
    monkeypatch.setattr(progress.subprocess, "run", lambda *a, **k: done)
    planned = progress.planned("book")
    names = [one.name for one in planned]
    assert names == ["02-synthetic-text", "10-distillation study-4"]
    assert {one.log.name for one in planned} == {"log.txt"}


@pytest.mark.slow
def test_a_broken_graph_is_an_error_and_a_dry_one_names_known_chapters():
    with pytest.raises(RuntimeError, match="cannot be read"):
        progress.planned("no-such-target")
    known = {p.stem for p in chapters.chapters()}
    assert all(one.target.stem in known for one in progress.planned("book"))
