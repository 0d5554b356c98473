"""The notebooks: find them, check their parameters, run them headless, clean their outputs."""

import ast
import base64
import io
import os
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
from PIL import Image

from cvbook.book.profiles import PROFILES
from cvbook.files import replacing
from cvbook.machine import has
from cvbook.paths import ROOT, RUNS
from cvbook.publish import provenance

NOTEBOOKS = ROOT / "notebooks"
FAILED = "The notebook as far as it ran"  # what a failed run says last
# Kernels run side by side, so each gets one thread. More threads would also add up floating-point
# numbers in another order.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
# A study's values then come out the same on a processor with AVX-512 and on one without.
PLAIN_INSTRUCTIONS = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",
    "HF_HUB_OFFLINE": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


def chapters() -> list[Path]:
    """All chapter notebooks in reading order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]*.ipynb"))


def find(name: str) -> Path:
    """The notebook of a chapter, by number ("02", "2") or by file name.

    Raises:
        FileNotFoundError: there is none; the message lists the known ones.
    """
    number = name.zfill(2) if name.isdigit() else name
    found = [
        p
        for p in chapters()
        if p.stem == Path(name).stem or re.match(rf"{re.escape(number)}[a-z]?-", p.name)
    ]
    if len(found) != 1:
        raise FileNotFoundError(
            f"There is no chapter {name!r}. The chapters are: "
            f"{', '.join(p.stem for p in chapters())}."
        )
    return found[0]


def parameters(notebook: Path) -> dict[str, object]:
    """Names and default values of the cell tagged `parameters`.

    Raises:
        ValueError: there is no such cell, or more than one.
    """
    cells = [
        c
        for c in nbformat.read(notebook, as_version=4).cells
        if "parameters" in c.metadata.get("tags", [])
    ]
    if len(cells) != 1:
        raise ValueError(
            f"{notebook.name} needs exactly one cell tagged 'parameters'; it has {len(cells)}."
        )
    return {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(cells[0].source).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def check_parameters(notebook: Path, given: dict[str, object]) -> None:
    """Refuse unknown parameters and profiles.

    Papermill only warns, and a typing error must not cost an hour's run with the defaults.

    Raises:
        ValueError: with the names that are known.
    """
    known = parameters(notebook)
    unknown = given.keys() - known.keys()
    if unknown:
        raise ValueError(
            f"{notebook.name} has no parameter {', '.join(sorted(unknown))}."
            f" It has: {', '.join(known)}."
        )
    if given.get("profile", "ci") not in PROFILES:
        raise ValueError(
            f"There is no profile {given['profile']!r}; choose one of {', '.join(PROFILES)}."
        )


def minutes(notebook: Path) -> float | None:
    """How long the chapter's `ci` run takes, in minutes, as measured when its outputs were made."""
    return nbformat.read(notebook, as_version=4).metadata.get("cvbook", {}).get("minutes")


def run(notebook: Path, given: dict[str, object] | None = None, folder: Path | None = None) -> Path:
    """Run a chapter headless with papermill.

    Args:
        notebook: a file of `notebooks/`.
        given: parameters that replace the defaults.
        folder: where the executed notebook and its evidence go; None for
            `runs/<profile>-<seed>/<chapter>/`.

    Returns:
        The executed notebook, cleaned.

    Raises:
        ValueError: an unknown parameter or profile.
        RuntimeError: a cell failed; the message holds its source and traceback.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    given = dict(given or {})
    check_parameters(notebook, given)
    settings = {**parameters(notebook), **given}
    folder = folder or RUNS / f"{settings['profile']}-{settings['seed']}" / notebook.stem
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evidence.jsonl").unlink(missing_ok=True)
    target = folder / notebook.name
    running = folder / f"running-{os.getpid()}-{notebook.name}"  # its own, if it runs twice at once
    failed = folder / f"failed-{notebook.name}"
    context = {
        "CVBOOK_RUN_DIR": str(folder),
        "CVBOOK_SEED": str(settings["seed"]),
        "CVBOOK_PROFILE": str(settings["profile"]),
        **{f"CVBOOK_{name.upper()}": told for name, told in provenance.now(notebook.stem).items()},
    }
    if settings["profile"] == "study" and has("avx512f"):
        context = {**PLAIN_INSTRUCTIONS, **context}
    before = dict(os.environ)
    os.environ.update({**ONE_THREAD, **QUIET, **context})
    try:
        papermill.execute_notebook(
            notebook,
            running,
            given,
            cwd=NOTEBOOKS,
            kernel_name="python3",
            progress_bar=sys.stderr.isatty(),
            log_output=False,
            kernel_manager_class="cvbook.publish.kernels.LocalKernelManager",
        )
    except PapermillExecutionError as error:
        running.replace(failed)
        raise RuntimeError(
            f"{notebook.stem} failed in cell {error.exec_count}:\n\n{error.source}\n\n"
            + re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
            + f"\n\n{FAILED}: {failed}"
        ) from None
    except DeadKernelError:
        running.replace(failed)
        raise RuntimeError(
            f"{notebook.stem}: its kernel died, most often for want of memory."
            f"\n\n{FAILED}: {failed}"
        ) from None
    except BaseException:
        running.unlink(missing_ok=True)
        raise
    finally:
        os.environ.clear()
        os.environ.update(before)
    executed = nbformat.read(running, as_version=4)
    tidy(executed)
    nbformat.write(executed, running)
    running.replace(target)
    return target


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Drop what differs from run to run and means nothing; keep the measured minutes, rounded.

    The cell that papermill injects is kept, since it says how the notebook was run, and marked so
    that the page leaves it out.
    """
    took = notebook.metadata.pop("papermill", {}).get("duration")
    if took:
        notebook.metadata.setdefault("cvbook", {})["minutes"] = max(0.5, round(took / 30) / 2)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    for number, cell in enumerate(notebook.cells):
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        tags = cell.metadata.get("tags", [])
        if "papermill-error-cell-tag" in tags or "injected-parameters" in tags:
            cell.id = f"injected-{number}"
        if "injected-parameters" in tags:
            cell.metadata["tags"] = [*tags, "remove-cell"]
        if cell.cell_type != "code":
            continue
        # Progress bars are for the person who waits, not for the reader.
        cell.outputs = [
            o for o in cell.outputs if not (o.output_type == "stream" and o.name == "stderr")
        ]
        for output in cell.outputs:
            _shrink(output.get("data", {}))


def _shrink(data: dict[str, str]) -> None:
    """Store a large PNG smaller: as JPEG if it is full of photographs, else in 256 colours."""
    if len(data.get("image/png", "")) < 20_000:
        return
    png = io.BytesIO(base64.b64decode(data["image/png"]))
    picture = Image.open(png, formats=["PNG"]).convert("RGB")
    few, photo = io.BytesIO(), io.BytesIO()
    reduced = picture.quantize(256, dither=Image.Dither.NONE)
    before, after = (np.asarray(p.convert("RGB"), np.int16) for p in (picture, reduced))
    off = np.abs(after - before).mean()  # grey levels, of 255
    reduced.save(few, "PNG", optimize=True)
    picture.save(photo, "JPEG", quality=82, optimize=True)
    # Curves and letters lose nothing that one can see in 256 colours, photographs do.
    if len(data["image/png"]) > 120_000 and photo.tell() < 0.5 * len(data["image/png"]):
        data["image/jpeg"] = base64.b64encode(photo.getvalue()).decode() + "\n"
        del data["image/png"]
    elif off < 0.5 and few.tell() < 0.6 * len(data["image/png"]):
        data["image/png"] = base64.b64encode(few.getvalue()).decode() + "\n"


def commit_outputs(executed: Path) -> Path:
    """Put an executed notebook back among the committed ones, without the injected parameters.

    Raises:
        ValueError: it was run with parameters other than the defaults.
    """
    notebook = nbformat.read(executed, as_version=4)
    if any("injected-parameters" in c.metadata.get("tags", []) for c in notebook.cells):
        raise ValueError(
            f"{executed.name} was run with other parameters than its own:"
            " only a default run is committed."
        )
    target = NOTEBOOKS / executed.name
    with replacing(target) as part:
        nbformat.write(notebook, part)
    return target
