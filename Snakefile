# The run graph: data -> chapters × seeds -> evidence -> book.
#
# On one machine the Makefile calls it. On a cluster the same graph runs through an executor plug-in; see book/how-to-run.md.
import re
from pathlib import Path

from cvbook.book import verdicts
from cvbook.publish import graph, provenance

ROOT = Path(workflow.basedir)
CHAPTERS = {p.stem: p for p in sorted((ROOT / "notebooks").glob("[0-9][0-9]*.ipynb"))}
RUNNER = "src/cvbook/publish/chapters.py"  # how a chapter is run and tidied shows in its outputs


def shipped(_):
    """Everything that the manifest describes."""
    return sorted(
        str(p)
        for p in (ROOT / "data").rglob("*")
        if p.is_file() and "evidence" not in p.parts and p.suffix not in {".tmp", ".pyc"}
    )


def seeds(chapter):
    """Seeds of the claims that the notebook records, if one of them is stale or not complete."""
    recorded = set(re.findall(r'claims\.record\(\\"(C\d+)', CHAPTERS[chapter].read_text()))
    now = provenance.now(chapter)
    judged = [verdicts.judge(key, now=now) for key in recorded]
    due = [
        j.claim.seeds
        for j in judged
        if not j.claim.gpu
        and (j.stale or not j.findings or any(f.seeds < j.claim.seeds for f in j.findings))
    ]
    return range(max(due, default=0))


rule book:
    input:
        "runs/data-verified",
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
        lambda w: graph.inputs(CHAPTERS[w.chapter])["library"],
        lambda w: graph.inputs(CHAPTERS[w.chapter])["data"],
        lambda w: graph.evidence(CHAPTERS[w.chapter]) if w.profile == "ci" else [],
        RUNNER,
        "src/cvbook/publish/kernels.py",
        notebook=lambda w: str(CHAPTERS[w.chapter]),
    output:
        "runs/{profile}-{seed}/{chapter}/{chapter}.ipynb",
    log:
        "runs/{profile}-{seed}/{chapter}/log.txt",
    threads: 1
    shell:
        "cvbook run {wildcards.chapter} --profile {wildcards.profile} --seed {wildcards.seed}"
        " > {log} 2>&1"


rule shard:  # a thousand rendered rows; shards are independent, so a cluster renders them side by side
    output:
        directory("runs/sets/{name}/{seed}-{first}"),
    threads: 1
    shell:
        "cvbook data render {wildcards.name} --seed {wildcards.seed} --first {wildcards.first}"
        " --count 1000 --workers 1 --out {output}"


rule worlds:  # the large sets: a hundred thousand pictures and more
    input:
        [
            f"runs/sets/{name}/1-{first}"
            for name, rows in (("people", 100_000), ("shelves", 20_000), ("groups", 20_000))
            for first in range(0, rows, 1000)
        ],


rule evidence:
    input:
        "runs/data-verified",
        [
            f"runs/study-{seed}/{chapter}/{chapter}.ipynb"
            for chapter in CHAPTERS
            for seed in seeds(chapter)
        ],
