"""Make three networks of this book smaller in every way of chapter 17, and measure what is left: quality, milliseconds and megabytes.

    python benchmarks/studies/smaller.py

The product embedding, the line recogniser and a MiVOLO for 64 pixels. Every network that is trained further gets the same steps, its "nothing removed"
included, with three seeds. Quality is judged on products, fonts and people that no training saw, times in one process on one thread, in turns. Then
the embedding learns letters while its weights are dropped. Networks are kept in runs/smaller, so a second call goes on where the first one stopped; the
result goes to smaller.json beside this file. About two and a half hours on two cores.
"""

import json
import math
import multiprocessing
import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from cvbook.data import open_set
from cvbook.data.age_gender import Crops, rendered
from cvbook.deploy.export import to_onnx
from cvbook.deploy.low_rank import factorise
from cvbook.deploy.prune import Pruner, multiply_adds, narrow
from cvbook.deploy.quantise import QUANTISED, RoundedTraining, to_int8, weights_to_int8
from cvbook.deploy.runtimes import OnnxRuntime, OpenVino, race
from cvbook.machine import machine
from cvbook.metrics.age import evaluate
from cvbook.metrics.retrieval import retrieval
from cvbook.metrics.text import cer
from cvbook.models import weights
from cvbook.models.mivolo import load_checkpoint, mivolo_small, save_checkpoint
from cvbook.models.recogniser import collate
from cvbook.paths import ROOT, RUNS
from cvbook.train.age_gender import estimate, normalised, train_age_gender
from cvbook.train.embedder import embed, jitter, train_embedder
from cvbook.train.recogniser import LineRecipe, LineStream, held_out, train

SEEDS, EPOCHS, POOLS, SIDE, PLACE = 3, 8, 4, 64, RUNS / "smaller"
FREE = {3: "width"}  # of a line


@dataclass(frozen=True)
class Task:
    """A network and what it is for.

    Attributes:
        make: the trained network. tune: trains a network in place, by a seed. steps: how many that takes.
        stream: the inputs of as many steps, for a network that follows its teacher. apart: how far the two answers are from each other.
        judge: quality in points, more is better, and its name. inputs: typical ones, for calibration and timing. rate: of training further.
    """

    make: Callable[[], nn.Module]
    tune: Callable[[nn.Module, int], None]
    steps: Callable[[int], int]
    stream: Callable[[int], Iterator[tuple[Tensor, ...]]]
    apart: Callable[[Tensor, Tensor], Tensor]
    judge: Callable[[nn.Module], float]
    quality: str
    inputs: Callable[[], tuple[Tensor, ...]]
    rate: float


@lru_cache
def products() -> open_set.UnseenSet:
    return open_set.products()


def tune_embedder(model: nn.Module, seed: int) -> None:
    given = products().train
    train_embedder(given.images, given.labels, EPOCHS, seed, rate=1e-3, mirror=False, model=model)


def stream_products(seed: int) -> Iterator[tuple[Tensor]]:
    given, draw = products().train, torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(given.images), generator=draw).split(64):
            yield (jitter(given.images[rows].float() / 255, draw, False),)


def judge_embedder(model: nn.Module) -> float:
    test = products().test
    return 100 * retrieval(embed(model, test.images, mirror=False), test.labels)["map@r"]


@lru_cache
def read_lines() -> tuple[list[np.ndarray], list[str]]:
    return held_out(400, 0.3)


@lru_cache(1)
def batches(seed: int) -> tuple[LineRecipe, list]:
    """Lines in training fonts, of the difficulties that are judged and above; drawn once for all networks of a seed."""
    recipe = LineRecipe(
        POOLS * LineStream.POOL, rate=3e-4, hardest=0.5, easy=1e-9, max_length=60, seed=100 + seed
    )
    return recipe, list(LineStream(recipe))


def tune_recogniser(model: nn.Module, seed: int) -> None:
    recipe, drawn = batches(seed)
    train(model, recipe, batches=drawn)


def judge_recogniser(model: nn.Module) -> float:
    lines, texts = read_lines()
    return 100 * (1 - cer(texts, read_lines(model, lines)[0]))


@lru_cache
def people() -> tuple[Crops, Crops]:
    """Whose face can be seen: for training, for the test."""
    return tuple(part.where(part.face > 0.3) for part in rendered(SIDE))


def mivolo() -> nn.Module:
    """Trained once, with both inputs, and kept."""
    kept = PLACE / "mivolo.pt"
    if not kept.exists():
        torch.manual_seed(0)
        model = train_age_gender(
            mivolo_small(side=SIDE), people()[0], 40, rate=1e-3, drop=(0.3, 0.1)
        )
        kept.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(model, kept, 0, 95)
    return load_checkpoint(kept)[0]


def tune_mivolo(model: nn.Module, seed: int) -> None:
    train_age_gender(model, people()[0], EPOCHS, seed, rate=3e-4, drop=(0.3, 0.1))


def stream_people(seed: int) -> Iterator[tuple[Tensor]]:
    pixels, draw = people()[0].pixels, torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(pixels), generator=draw).split(32):
            yield (normalised(jitter(pixels[rows].float() / 255, draw)),)


def judge_mivolo(model: nn.Module) -> float:
    return -evaluate(estimate(model, people()[1].pixels)[0], people()[1].years).mae


TASKS = {
    "embedding": Task(
        weights.embedder,
        tune_embedder,
        lambda _: EPOCHS * math.ceil(len(products().train.images) / 64),
        stream_products,
        lambda a, b: 1 - F.cosine_similarity(a, b).mean(),
        judge_embedder,
        "mAP@R (%)",
        lambda: (products().train.images[::7].float() / 255,),
        1e-3,
    ),
    "recogniser": Task(
        weights.recogniser,
        tune_recogniser,
        lambda seed: len(batches(seed)[1]),
        lambda seed: ((x, w) for x, w, *_ in batches(seed)[1]),
        lambda a, b: (
            F.kl_div(a.log_softmax(-1), b.log_softmax(-1), log_target=True, reduction="sum")
            / a[..., 0].numel()
        ),
        judge_recogniser,
        "right characters (%)",
        lambda: collate(held_out(64, 0.3, seed=5)[0]),
        3e-4,
    ),
    "MiVOLO": Task(
        mivolo,
        tune_mivolo,
        lambda _: EPOCHS * math.ceil(len(people()[0].years) / 32),
        stream_people,
        F.mse_loss,
        judge_mivolo,
        "minus MAE (years)",
        lambda: (normalised(people()[0].pixels[::9].float() / 255),),
        3e-4,
    ),
}


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


WAYS: dict[str, Callable[[nn.Module, Task, int], None]] = {
    "nothing removed": lambda m, t, s: t.tune(m, s),
    **{
        f"{method}, {share:.0%} zero": partial(pruned, method=method, share=share)
        for method in ("magnitude", "movement", "chance")
        for share in (0.5, 0.8, 0.95)
    },
    **{
        f"{share:.0%} of channels gone": partial(narrowed, share=share)
        for share in (0.25, 0.5, 0.75)
    },
    "50% gone by norms": partial(narrowed, share=0.5, by="norms"),
    "50% gone, following": partial(narrowed, share=0.5, teacher=True),
    **{
        f"low rank, {energy:.0%} kept": partial(narrowed, share=0, energy=energy)
        for energy in (0.9, 0.8, 0.6)
    },
    "trained to be rounded": knowing,
}


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


def write(path: Path, text: str) -> None:
    """Under a temporary name first, for a run that is stopped goes on with what is there."""
    path.with_suffix(".part").write_text(text)
    path.with_suffix(".part").replace(path)


def file_of(name: str, way: str, seed: int) -> tuple[str, Path, dict]:
    """The ONNX file of a network made smaller in a way, made now or by an earlier call, and what is known of it."""
    torch.set_num_threads(1)
    path = PLACE / f"{name}-{way.replace(' ', '-').replace(',', '').replace('%', '')}-{seed}.onnx"
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
        write(
            about,
            json.dumps(
                {
                    "quality": task.judge(OnnxRuntime(path)),
                    "multiplications": total,
                    "needed": needed,
                }
            ),
        )
    return way, path, json.loads(about.read_text())


def called(function: Callable, job: tuple) -> object:
    return function(*job)


def in_parallel(function: Callable, jobs: list[tuple], name: str) -> Iterator:
    """Results of a function, in order, by as many processes as there are cores; forked, so that what is loaded already is shared."""
    with multiprocessing.get_context("fork").Pool(len(os.sched_getaffinity(0))) as pool:
        yield from tqdm(pool.imap(partial(called, function), jobs), total=len(jobs), desc=name)


@lru_cache
def letters() -> open_set.UnseenSet:
    return open_set.letters()


def coloured(images: Tensor) -> Tensor:
    return images.expand(-1, 3, -1, -1)


def tune_to_letters(model: nn.Module, seed: int) -> None:
    given = letters().train
    train_embedder(
        coloured(given.images), given.labels, EPOCHS, seed, rate=1e-3, mirror=False, model=model
    )


def moved(way: str, seed: int) -> tuple[str, float]:
    """Pruning on the way to something new, as its authors use movement: the embedding, trained for products, learns letters meanwhile."""
    torch.set_num_threads(1)
    kept = PLACE / f"letters-{way.replace(' ', '-').replace(',', '').replace('%', '')}-{seed}.json"
    if not kept.exists():
        model = weights.embedder()
        torch.manual_seed(seed)
        WAYS[way](
            model,
            replace(
                TASKS["embedding"],
                tune=tune_to_letters,
                steps=lambda _: EPOCHS * math.ceil(len(letters().train.images) / 64),
            ),
            seed,
        )
        test = letters().test
        kept.parent.mkdir(parents=True, exist_ok=True)
        write(
            kept,
            json.dumps(
                100
                * retrieval(embed(model, coloured(test.images), mirror=False), test.labels)["map@r"]
            ),
        )
    return way, round(json.loads(kept.read_text()), 3)


def all_moved() -> dict[str, list[float]]:
    """Quality on letters in typefaces and of kinds that no training saw, by way and seed."""
    work = [
        (way, seed)
        for way in WAYS
        if way == "nothing removed" or way.endswith("zero")
        for seed in range(SEEDS)
    ]
    results: dict[str, list[float]] = {}
    for way, quality in in_parallel(moved, work, "letters"):
        results.setdefault(way, []).append(quality)
    return results


def measured(name: str) -> dict:
    """Everything about one network."""
    task = TASKS[name]
    runtimes: dict[str, nn.Module] = {
        "eager": task.make().to(memory_format=torch.channels_last).eval()
    }  # before the work is shared: MiVOLO is trained here
    work = [(name, "as it was", 0), *((name, way, seed) for seed in range(SEEDS) for way in WAYS)]
    rows = [
        (*job[1:], path, known)
        for job, (_, path, known) in zip(work, in_parallel(file_of, work, name), strict=True)
    ]
    results, first = {}, {}
    for way, seed, path, known in rows:
        entry = results.setdefault(
            way,
            {"quality": [], "megabytes": round(path.stat().st_size / 1e6, 3)}
            | {k: known[k] for k in ("multiplications", "needed")},
        )
        entry["quality"].append(round(known["quality"], 3))
        if seed == 0:
            first[way] = path
    runtimes |= {way: OnnxRuntime(path) for way, path in first.items()}
    sources = {
        "8 bits": "as it was",
        "8 bits, trained to be rounded": "trained to be rounded",
        "8 bits, 50% of channels gone": "50% of channels gone",
    }
    for label, source in sources.items():
        for kind, given in (
            EIGHT_BITS.items() if label == "8 bits" else [("unsigned", EIGHT_BITS["unsigned"])]
        ):
            path = PLACE / f"{name}-{label}-{kind}.onnx".replace(" ", "-").replace(",", "").replace(
                "%", ""
            )
            to_int8(
                first[source],
                path,
                task.inputs(),
                **{
                    key: value(first[source]) if callable(value) else value
                    for key, value in given.items()
                },
            )
            for runtime, made in (("", OnnxRuntime), (", OpenVINO", OpenVino)):
                way = f"{label}, {kind}{runtime}"
                runtimes[way] = made(path)
                results[way] = {
                    "quality": [round(task.judge(runtimes[way]), 3)],
                    "megabytes": round(path.stat().st_size / 1e6, 3),
                }
    path = PLACE / f"{name}-weights.onnx"
    weights_to_int8(first["as it was"], path)
    for way, model in (
        ("weights alone in 8 bits", OnnxRuntime(path)),
        ("OpenVINO", OpenVino(first["as it was"])),
    ):
        runtimes[way] = model
        size = path if "weights" in way else first["as it was"]
        results[way] = {
            "quality": [round(task.judge(model), 3)],
            "megabytes": round(size.stat().st_size / 1e6, 3),
        }
    results["eager"] = {
        "quality": [round(task.judge(runtimes["eager"]), 3)],
        "megabytes": results["as it was"]["megabytes"],
    }
    for batch in (1, 16):
        for way, ms in race(runtimes, *(x[:batch] for x in task.inputs())).items():
            results[way].setdefault("milliseconds", {})[str(batch)] = round(float(np.median(ms)), 3)
    return {"quality": task.quality, "ways": results}


if __name__ == "__main__":
    torch.set_num_threads(1)
    about = {"date": date.today().isoformat(), "machine": machine(), "threads": 1, "seeds": SEEDS}
    about["versions"] = {name: version(name) for name in ("torch", "onnxruntime", "openvino")}
    result = about | {"letters": all_moved(), "networks": {name: measured(name) for name in TASKS}}
    (ROOT / "benchmarks" / "studies" / "smaller.json").write_text(
        json.dumps(result, indent=1) + "\n"
    )
