"""Run the graph and say how it goes: a line a chapter, and why one failed.

python -m cvbook.publish.progress book --cores 2
"""

import argparse
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cvbook.book import claims
from cvbook.paths import ROOT, RUNS
from cvbook.publish import chapters

LOG = RUNS / "graph.log"
SNAKEMAKE = Path(sys.executable).parent / "snakemake"
OPTIONS = ("--quiet", "rules", "host", "progress", "--rerun-triggers", "mtime", "params", "input")


@dataclass
class Run:
    """Something that is to run.

    Attributes:
        target: what it makes, a chapter's notebook under `runs/`.
        expected: minutes that it is to take.
    """

    target: Path
    expected: float

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.target.with_name("log.txt")

    @property
    def name(self) -> str:
        """The chapter, and its profile and seed where these are not the book's own."""
        profile = self.target.parent.parent.name
        return self.target.stem + (f" {profile}" if profile != "ci-0" else "")

    def said(self, since: float) -> str:
        """Its log, if that was written after a time; else nothing."""
        fresh = self.log.exists() and self.log.stat().st_mtime >= since
        return self.log.read_text().strip() if fresh else ""

    def minutes(self, since: float) -> float | None:
        """What it took, as its log says at its end; None while it runs."""
        found = re.search(r"took ([\d.]+) minutes", self.said(since))
        return float(found[1]) if found else None


def many(count: int, what: str) -> str:
    """A number of things, at least one: "1 minute", "2 minutes"."""
    return f"{max(1, count)} {what}{'s' if count > 1 else ''}"


def expected(profile: str, chapter: str) -> float:
    """Minutes that a chapter took when its outputs, or the rows of its study, were made."""
    if profile == "ci":
        return chapters.minutes(chapters.find(chapter)) or 2.0
    recorded = [
        row["seconds"] / 60
        for key, c in claims.all_claims().items()
        if c.chapter == int(chapter[:2])
        for row in claims.evidence(key)
        if row["profile"] == profile
    ]
    return max(recorded, default=15.0)


def planned(target: str) -> list[Run]:
    """What would run now; raises RuntimeError if the graph itself is broken."""
    done = subprocess.run(
        [SNAKEMAKE, "--cores", "1", *OPTIONS, "--summary", "--", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"The run graph cannot be read:\n{(done.stdout + done.stderr)[-4000:]}")
    rows = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    waiting = [(ROOT / row[0], row[2]) for row in rows if row[-1] != "no update"]
    runs = []
    for path, rule in waiting:
        if rule == "chapter":
            profile = path.parts[-3].rsplit("-", 1)[0]
            runs.append(Run(path, expected(profile, path.stem)))
    return runs


class Report:
    """Says which chapters are done, how many are left, and how long they will take.

    Args:
        runs: what was planned. cores: how many run side by side.
    """

    def __init__(self, runs: list[Run], cores: int):
        self.left, self.cores, self.began = list(runs), cores, time.time()
        self.failed: list[Run] = []
        self.took = self.expected = 0.0  # of those that are done

    def to_go(self) -> float:
        """Minutes to go: those expected, at the pace of the chapters that are done."""
        pace = self.took / self.expected if self.expected else 1.0
        longest = max((run.expected for run in self.left), default=0.0)
        return pace * max(sum(run.expected for run in self.left) / self.cores, longest)

    def look(self) -> list[str]:
        """A line for each chapter that has come to its end since the last look."""
        lines = []
        for run in list(self.left):
            minutes = run.minutes(self.began)
            if minutes is None and chapters.FAILED not in run.said(self.began):
                continue
            self.left.remove(run)
            if minutes is None:
                self.failed.append(run)
                line = f"{run.name:28} failed"
            else:
                self.took, self.expected = self.took + minutes, self.expected + run.expected
                line = f"{run.name:28} {minutes:4.1f} minutes"
            if self.left:
                to_go = many(round(self.to_go()), "minute")
                line += f"   {len(self.left)} left, about {to_go} to go"
            lines.append(line)
        return lines

    def failures(self) -> list[str]:
        """What chapters that did not come to their end say: a traceback, or their last."""
        runs = [*self.failed, *self.left]
        return [f"{run.log}:\n{said[-6000:]}" for run in runs if (said := run.said(self.began))]


def run_graph(target: str, cores: int) -> int:
    """Make a target of the Snakefile, with a line a chapter; returns Snakemake's exit status."""
    report = Report(planned(target), cores)
    if report.left:
        count, to_go = many(len(report.left), "chapter"), many(round(report.to_go()), "minute")
        print(f"{count} to run, {cores} at a time: about {to_go}.", flush=True)
    else:
        print("No chapter has to run: nothing that one loads or reads has changed.", flush=True)
    RUNS.mkdir(exist_ok=True)
    command: list[str | Path] = [
        SNAKEMAKE,
        "--cores",
        str(cores),
        *OPTIONS,
        "--keep-going",
        "--",
        target,
    ]
    with open(LOG, "w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            while process.poll() is None:
                time.sleep(0.5)
                print("".join(f"{line}\n" for line in report.look()), end="", flush=True)
        except KeyboardInterrupt:
            process.wait()  # it has got the signal, too, and stops its chapters
            raise
    print("".join(f"{line}\n" for line in report.look()), end="", flush=True)
    if process.returncode:
        said = report.failures()
        print("\n\n".join(said) if said else LOG.read_text()[-6000:], file=sys.stderr)
        if "LockException" in LOG.read_text():
            print(
                f"\nAn earlier run was killed: {SNAKEMAKE} --unlock, then again.", file=sys.stderr
            )
        print(f"\nIt did not work. What Snakemake says is in {LOG}.", file=sys.stderr)
    return process.returncode


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", help="a target of the Snakefile: book, evidence")
    parser.add_argument("--cores", type=int, default=2, help="jobs at a time")
    args = parser.parse_args()
    if args.cores < 1:
        parser.error("--cores must be at least 1.")
    try:
        sys.exit(run_graph(args.target, args.cores))
    except RuntimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
