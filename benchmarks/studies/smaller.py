"""Make three networks of this book smaller in every way of chapter 17, and measure what is left.

    python benchmarks/studies/smaller.py

Quality, milliseconds and megabytes of the networks of smaller_tasks.py. Every network that is
trained further gets the same steps, its "nothing removed" included, with three seeds; times are
taken in one process on one thread, in turns. Then the embedding learns letters while its weights
are dropped. Networks are kept in runs/smaller, so a second call goes on where the first one
stopped; the result goes to smaller.json beside this file. About two and a half hours on two cores.
"""

import argparse
import json
import math
import multiprocessing
import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import date
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import torch
from smaller_tasks import EMBEDDING, EPOCHS, FREE, PLACE, TASKS, Task
from torch import Tensor, nn
from tqdm.auto import tqdm

from cvbook.data import open_set
from cvbook.deploy.export import to_onnx
from cvbook.deploy.low_rank import factorise
from cvbook.deploy.prune import Pruner, multiply_adds, narrow
from cvbook.deploy.quantise import QUANTISED, to_int8, weights_to_int8
from cvbook.deploy.rounding import RoundedTraining
from cvbook.deploy.runtimes import OnnxRuntime, OpenVino, race
from cvbook.files import write_text
from cvbook.machine import machine
from cvbook.metrics.retrieval import retrieval
from cvbook.models import weights
from cvbook.train.embedder import embed, train_embedder

SEEDS = 3


def follow(student: nn.Module, teacher: nn.Module, task: Task, seed: int) -> None:
    """Train on the teacher's answers alone."""
    stream = list(task.stream(seed))
    optimiser = torch.optim.AdamW(student.train().parameters(), task.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, task.rate, total_steps=len(stream), pct_start=0.2
    )
    for inputs in stream:
        with torch.no_grad():
            wanted = teacher.eval()(*inputs)
        optimiser.zero_grad()
        task.apart(student(*inputs), wanted).backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    student.eval()


def pruned(model: nn.Module, task: Task, seed: int, method: str, share: float) -> None:
    """Drop weights while training goes on: the last ones go after three quarters."""
    pruner = Pruner(model, "magnitude" if method == "magnitude" else "movement")
    if method == "chance":  # the control: scores that are drawn, and stay
        for mask in pruner.masks:
            nn.init.uniform_(mask.scores).requires_grad_(False)
    pruner.schedule(round(0.75 * task.steps(seed)), share)
    task.tune(model, seed)
    pruner.finish()


def narrowed(
    model: nn.Module,
    task: Task,
    seed: int,
    share: float,
    by: str = "filters",
    teacher: bool = False,
    energy: float | None = None,
) -> None:
    """Remove channels, or split layers, at once, and train what is left."""
    whole = deepcopy(model)
    factorise(model, energy) if energy else narrow(model, share, by)
    follow(model, whole, task, seed) if teacher else task.tune(model, seed)


def knowing(model: nn.Module, task: Task, seed: int) -> None:
    """Train with rounded weights and inputs."""
    known = RoundedTraining(model)
    task.tune(model, seed)
    known.finish()


Way = Callable[[nn.Module, Task, int], None]
WAYS: dict[str, Way] = {"nothing removed": lambda m, t, s: t.tune(m, s)}
for method in ("magnitude", "movement", "chance"):
    for share in (0.5, 0.8, 0.95):
        WAYS[f"{method}, {share:.0%} zero"] = partial(pruned, method=method, share=share)
for share in (0.25, 0.5, 0.75):
    WAYS[f"{share:.0%} of channels gone"] = partial(narrowed, share=share)
WAYS["50% gone by norms"] = partial(narrowed, share=0.5, by="norms")
WAYS["50% gone, following"] = partial(narrowed, share=0.5, teacher=True)
for energy in (0.9, 0.8, 0.6):
    WAYS[f"low rank, {energy:.0%} kept"] = partial(narrowed, share=0, energy=energy)
WAYS["trained to be rounded"] = knowing


def ends(path: Path) -> list[str]:
    """Names of a file's first and last node that could be quantised."""
    names = [node.name for node in onnx.load(path).graph.node if node.op_type in QUANTISED]
    return [names[0], names[-1]]


EIGHT_BITS = {
    "signed": {},
    "unsigned": {"unsigned": True},
    "unsigned, percentile": {"unsigned": True, "method": "percentile"},
    "unsigned, entropy": {"unsigned": True, "method": "entropy"},
    "unsigned, one scale a layer": {"unsigned": True, "by_channel": False},
    "unsigned, first and last layer in float": {"unsigned": True, "keep": ends},
}


def place(*parts: str | int, suffix: str) -> Path:
    """Where a network, or what is known of it, is kept."""
    name = "-".join(str(part) for part in parts)
    return PLACE / (name.replace(" ", "-").replace(",", "").replace("%", "") + suffix)


def file_of(name: str, way: str, seed: int) -> tuple[Path, dict]:
    """The ONNX file of a network made smaller in a way, and what is known of it.

    Made now, or by an earlier call.
    """
    torch.set_num_threads(1)
    path = place(name, way, seed, suffix=".onnx")
    about = path.with_suffix(".json")
    if not about.exists():
        task = TASKS[name]
        model, inputs = task.make(), tuple(x[:4] for x in task.inputs())
        torch.manual_seed(seed)
        if way != "as it was":
            WAYS[way](model, task, seed)
        total, needed = multiply_adds(model.eval(), *inputs)
        path.parent.mkdir(parents=True, exist_ok=True)
        to_onnx(model, inputs, path, 1e-3, FREE if name == "recogniser" else None)
        quality = task.judge(OnnxRuntime(path))
        known = {"quality": quality, "multiplications": total, "needed": needed}
        write_text(about, json.dumps(known))
    return path, json.loads(about.read_text())


def called(function: Callable, job: tuple) -> object:
    return function(*job)


def in_parallel(function: Callable, jobs: list[tuple], name: str) -> Iterator:
    """Results of a function, in order, by as many processes as there are cores.

    They are forked, so that what is loaded already is shared.
    """
    with multiprocessing.get_context("fork").Pool(len(os.sched_getaffinity(0))) as pool:
        yield from tqdm(pool.imap(partial(called, function), jobs), total=len(jobs), desc=name)


@lru_cache
def letters() -> open_set.UnseenSet:
    return open_set.letters()


def coloured(images: Tensor) -> Tensor:
    return images.expand(-1, 3, -1, -1)


def tune_to_letters(model: nn.Module, seed: int) -> None:
    given, how = letters().train, {"rate": 1e-3, "mirror": False, "model": model}
    train_embedder(coloured(given.images), given.labels, EPOCHS, seed, **how)


def letter_steps(_: int) -> int:
    return EPOCHS * math.ceil(len(letters().train.images) / 64)


def moved(way: str, seed: int) -> float:
    """Pruning on the way to something new, as its authors use movement.

    The embedding, trained for products, learns letters meanwhile.
    """
    torch.set_num_threads(1)
    kept = place("letters", way, seed, suffix=".json")
    if not kept.exists():
        model = weights.embedder()
        torch.manual_seed(seed)
        WAYS[way](model, replace(EMBEDDING, tune=tune_to_letters, steps=letter_steps), seed)
        test = letters().test
        found = retrieval(embed(model, coloured(test.images), mirror=False), test.labels)
        write_text(kept, json.dumps(100 * found["map@r"]))
    return round(json.loads(kept.read_text()), 3)


def all_moved() -> dict[str, list[float]]:
    """Quality on letters in typefaces and of kinds that no training saw, by way and seed."""
    ways = [way for way in WAYS if way == "nothing removed" or way.endswith("zero")]
    work = [(way, seed) for way in ways for seed in range(SEEDS)]
    results: dict[str, list[float]] = {way: [] for way in ways}
    for (way, _), quality in zip(work, in_parallel(moved, work, "letters"), strict=True):
        results[way].append(quality)
    return results


def megabytes(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 3)


def trained(name: str) -> tuple[dict[str, dict], dict[str, Path]]:
    """One network in all ways that train it further: results, and the files of the first seed."""
    work = [(name, "as it was", 0), *((name, way, seed) for seed in range(SEEDS) for way in WAYS)]
    results, first = {}, {}
    found = in_parallel(file_of, work, name)
    for (_, way, seed), (path, known) in zip(work, found, strict=True):
        size = {k: known[k] for k in ("multiplications", "needed")}
        entry = {"quality": [], "megabytes": megabytes(path)} | size
        entry = results.setdefault(way, entry)
        entry["quality"].append(round(known["quality"], 3))
        if seed == 0:
            first[way] = path
    return results, first


def rounded(name: str, task: Task, first: dict[str, Path]) -> dict[str, Path]:
    """Files in 8 bits: in every way of the network as it was, in one of two that were trained."""
    sources = {"8 bits": ("as it was", EIGHT_BITS)}
    one = {"unsigned": EIGHT_BITS["unsigned"]}
    for source in ("trained to be rounded", "50% of channels gone"):
        sources[f"8 bits, {source}"] = (source, one)
    files = {}
    for label, (source, kinds) in sources.items():
        for kind, given in kinds.items():
            options = {k: v(first[source]) if callable(v) else v for k, v in given.items()}
            path = place(name, label, kind, suffix=".onnx")
            to_int8(first[source], path, task.inputs(), **options)
            files[f"{label}, {kind}"] = path
    return files


def measured(name: str) -> dict:
    """Everything about one network."""
    task = TASKS[name]
    # Before the work is shared: MiVOLO is trained here.
    eager = task.make().to(memory_format=torch.channels_last).eval()
    results, first = trained(name)
    runtimes = {"eager": eager} | {way: OnnxRuntime(path) for way, path in first.items()}

    def add(way: str, model: nn.Module, size: float) -> None:
        runtimes[way] = model
        results[way] = {"quality": [round(task.judge(model), 3)], "megabytes": size}

    for way, path in rounded(name, task, first).items():
        add(way, OnnxRuntime(path), megabytes(path))
        add(f"{way}, OpenVINO", OpenVino(path), megabytes(path))
    whole, small = first["as it was"], PLACE / f"{name}-weights.onnx"
    weights_to_int8(whole, small)
    add("weights alone in 8 bits", OnnxRuntime(small), megabytes(small))
    add("OpenVINO", OpenVino(whole), megabytes(whole))
    add("eager", eager, megabytes(whole))
    for batch in (1, 16):
        for way, ms in race(runtimes, *(x[:batch] for x in task.inputs())).items():
            results[way].setdefault("milliseconds", {})[str(batch)] = round(float(np.median(ms)), 3)
    return {"quality": task.quality, "ways": results}


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    torch.set_num_threads(1)
    about = {"date": date.today().isoformat(), "machine": machine(), "threads": 1, "seeds": SEEDS}
    about["versions"] = {name: version(name) for name in ("torch", "onnxruntime", "openvino")}
    result = about | {"letters": all_moved(), "networks": {name: measured(name) for name in TASKS}}
    write_text(Path(__file__).with_suffix(".json"), json.dumps(result, indent=1) + "\n")
