# The run graph: data -> chapters × seeds -> evidence -> book.
#
# On one machine the Makefile calls it. On a cluster the same graph runs through an executor plug-in; see book/how-to-run.md.
import re
from pathlib import Path

import yaml

ROOT = Path(workflow.basedir)
CHAPTERS = {p.stem: p for p in sorted((ROOT / "notebooks").glob("[0-9][0-9]*.ipynb"))}
CLAIMS = yaml.safe_load((ROOT / "data" / "claims.yaml").read_text())


def library(chapter):
    """Files of the library's rooms that a chapter imports, and of those that they import."""
    rooms, todo = set(), {"book"} | set(re.findall(r"cvbook\.(\w+)", CHAPTERS[chapter].read_text()))
    while todo:
        room = todo.pop()
        if room in rooms or room == "paths":
            continue
        rooms.add(room)
        # Everything may use everything below it, but only the book's own room knows how pages look.
        for file in (ROOT / "src" / "cvbook" / room).rglob("*.py"):
            if room != "book":
                todo |= set(re.findall(r"from cvbook\.(\w+)", file.read_text())) - rooms
    looks = {"site.py", "scoreboard.py", "cli.py", "offline.py", "system.py"}
    return sorted(str(p) for room in rooms for p in (ROOT / "src" / "cvbook" / room).rglob("*.py") if p.name not in looks)


def shipped(_):
    """Data and measurements that chapters read; recorded evidence is not among it, or each run would start the next."""
    data = [p for p in (ROOT / "data").rglob("*") if p.is_file() and "evidence" not in p.parts and p.suffix not in {".tmp", ".pyc"}]
    return sorted(str(p) for p in [*data, *(ROOT / "benchmarks").rglob("*.json")])


def seeds(chapter):
    """Seeds that the claims which the notebook records ask for."""
    text = CHAPTERS[chapter].read_text()
    wanted = [c["seeds"] for key, c in CLAIMS.items() if c["chapter"] == int(chapter[:2]) and f'\\"{key}\\"' in text and not c.get("gpu")]
    return range(max(wanted, default=0))


def trained(w):
    """Each seed of the OCR chapter judges a recogniser of its own; that of seed 0 ships with the book."""
    return [f"runs/weights/recogniser-{w.seed}.safetensors"] if w.chapter.startswith("12a") and w.seed != "0" else []


rule book:
    input:
        expand("runs/ci-0/{chapter}/{chapter}.ipynb", chapter=CHAPTERS),
        sources=[str(p) for p in (ROOT / "book").rglob("*") if p.is_file()],
        library=[str(p) for p in (ROOT / "src").rglob("*.py")],
        evidence=[str(p) for p in (ROOT / "data" / "evidence").glob("*.json")],
        settings=["_config.yml", "_toc.yml", "data/claims.yaml"],
    output:
        "runs/book/done",
    shell:
        "cvbook build --executed && touch {output}"


rule verify:
    input:
        shipped,
    output:
        "runs/data-verified",
    shell:
        "cvbook data verify && touch {output}"


rule chapter:
    input:
        "runs/data-verified",
        shipped,
        notebook=lambda w: str(CHAPTERS[w.chapter]),
        library=lambda w: library(w.chapter),
        trained=trained,
    output:
        "runs/{profile}-{seed}/{chapter}/{chapter}.ipynb",
    threads: 1
    shell:
        "cvbook run {wildcards.chapter} --profile {wildcards.profile} --seed {wildcards.seed}"


rule recogniser:
    output:
        "runs/weights/recogniser-{seed}.safetensors",
    threads: 1
    shell:
        "python -m cvbook.train.shipped_weights --pages 0 --seed {wildcards.seed}"


rule shard:  # a thousand rendered rows; shards are independent, so a cluster renders them side by side
    output:
        directory("runs/sets/{name}/{seed}-{first}"),
    threads: 1
    shell:
        "cvbook data render {wildcards.name} --seed {wildcards.seed} --first {wildcards.first} --count 1000 --workers 1 --out {output}"


rule worlds:  # the large sets: a hundred thousand pictures and more
    input:
        [f"runs/sets/{name}/1-{first}" for name, rows in (("people", 100_000), ("shelves", 20_000), ("groups", 20_000)) for first in range(0, rows, 1000)],


rule evidence:
    input:
        [f"runs/study-{seed}/{chapter}/{chapter}.ipynb" for chapter in CHAPTERS for seed in seeds(chapter)],
