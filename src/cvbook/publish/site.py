"""Render the book. Its sources are staged under `runs/`, so that a checkout stays clean."""

import base64
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from PIL import Image

from cvbook.images import FORMATS
from cvbook.paths import ROOT, RUNS
from cvbook.publish import chapters, scoreboard

STAGE = RUNS / "book"
HTML = STAGE / "_build" / "html"
CARD = (720, 720)  # pixels: twice the width at which the landing page shows a card's picture


def stage(executed: bool) -> None:
    """Copy what the book is made of to `runs/book`.

    What has not changed is kept as it is, so that Sphinx renders only the rest.
    """
    STAGE.mkdir(parents=True, exist_ok=True)
    wanted = {ROOT / name: STAGE / name for name in ("_config.yml", "_toc.yml")}
    wanted |= {p: STAGE / p.relative_to(ROOT) for p in (ROOT / "book").rglob("*") if p.is_file()}
    for notebook in chapters.chapters():
        ran = RUNS / "ci-0" / notebook.stem / notebook.name
        wanted[ran if executed and ran.exists() else notebook] = STAGE / "notebooks" / notebook.name
    for source, target in wanted.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            # Sphinx would remember where a module was described before it moved to another page.
            if target.exists() and target.suffix in {".md", ".yml"}:
                shutil.rmtree(STAGE / "_build", ignore_errors=True)
            shutil.copyfile(source, target)
    kept = set(wanted.values())
    for old in [*(STAGE / "notebooks").glob("*.ipynb"), *(STAGE / "book").rglob("*.md")]:
        if old not in kept and "generated" not in old.parts:
            old.unlink()
    scoreboard.write_page(STAGE / "book" / "generated")
    write_cards(STAGE / "book" / "generated")  # from the notebooks that are left


def write_cards(folder: Path) -> None:
    """Write `cards.md`: a card per chapter, read from the notebook.

    It has the chapter's first picture, its minutes and what one learns.
    """
    lines = [":::::{grid} 1 2 2 2", ":gutter: 3", ""]
    for path in sorted((STAGE / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        about = notebook.metadata.get("cvbook", {})
        title = next(
            line[2:]
            for c in notebook.cells
            for line in c.source.splitlines()
            if line.startswith("# ")
        )
        pictures = (
            o.data[kind]
            for c in notebook.cells
            for o in c.get("outputs", [])
            for kind in ("image/png", "image/jpeg")
            if kind in o.get("data", {})
        )
        picture = next(pictures, None)
        lines += [
            f"::::{{grid-item-card}} {title}",
            f":link: ../notebooks/{path.stem}",
            ":link-type: doc",
        ]
        if picture:
            stored = io.BytesIO(base64.b64decode(picture))
            thumbnail = Image.open(stored, formats=FORMATS).convert("RGB")
            thumbnail.thumbnail(CARD)
            thumbnail.save(folder / f"{path.stem}.jpg", quality=85, optimize=True)
            lines += [
                f":img-top: generated/{path.stem}.jpg",
                f":img-alt: First picture of the chapter {title}",
            ]
        lines += ["", about.get("learn", ""), ""]
        lines += [
            ":::{card-footer}",
            f"Chapter {path.stem.split('-')[0].lstrip('0')} · "
            f"runs in about {about.get('minutes', 2):g} minutes",
            ":::",
            "::::",
            "",
        ]
    (folder / "cards.md").write_text("\n".join([*lines, ":::::", ""]))


def build(executed: bool = False) -> Path:
    """Render the book, warnings being errors.

    Args:
        executed: take the notebooks of the last `ci` run where there are any, rather than the
            committed ones.

    Returns:
        The first page.

    Raises:
        RuntimeError: Sphinx warned or failed; its messages are in the error.
    """
    stage(executed)
    done = subprocess.run(
        [
            Path(sys.executable).parent / "jupyter-book",
            "build",
            str(STAGE),
            "-W",
            "-n",
            "--keep-going",
            "--quiet",
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "CVBOOK_ROOT": str(ROOT),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        },
        capture_output=True,
        text=True,
    )
    log = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    if done.returncode or not (HTML / "index.html").exists():
        raise RuntimeError(f"The book was not rendered:\n{log[-6000:]}")
    return HTML / "index.html"


def pages() -> list[Path]:
    """Rendered pages that a reader can reach, the search page included."""
    return sorted(
        p
        for p in HTML.rglob("*.html")
        if not {"_static", "_sources", "_modules"} & set(p.relative_to(HTML).parts)
    )
