"""The shipped weights: one safetensors file a model, in half precision.

A model's settings and card are in the file's header.
"""

import json
from pathlib import Path
from typing import TypeVar

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from cvbook.files import replacing
from cvbook.models.channels_last import channels_last
from cvbook.models.detector import Detector
from cvbook.models.embedder import Embedder
from cvbook.models.fit import check_fit
from cvbook.models.recogniser import Recogniser
from cvbook.paths import DATA, RUNS, data_path

FOLDER = DATA / "weights"
LARGEST = 1 << 12  # of the numbers that describe a network, such as its width
Network = TypeVar("Network", bound=nn.Module)


def recogniser_path(seed: int = 0) -> Path:
    """Where the recogniser trained with a seed lies.

    Seed 0 ships; the others are trained by the reader, under `runs/weights`.
    """
    if seed == 0:
        return FOLDER / "recogniser.safetensors"
    return RUNS / "weights" / f"recogniser-{seed}.safetensors"


def save(model: nn.Module, path: Path, settings: dict, card: dict) -> None:
    """Write a model in half precision.

    Args:
        model: what to write.
        path: to where; a file that is there is replaced at the end.
        settings: what rebuilds the model.
        card: how it was trained, and how measured.
    """
    tensors = {}
    for name, value in model.state_dict().items():
        tensors[name] = (value.half() if value.is_floating_point() else value).contiguous()
    about = {"settings": json.dumps(settings), "card": json.dumps(card, ensure_ascii=False)}
    with replacing(path) as part:
        save_file(tensors, part, about)


def card(name: str) -> dict:
    """The card of a shipped model: "recogniser", "detector" or "embedder"."""
    with safe_open(data_path("weights", f"{name}.safetensors"), "pt") as file:
        return json.loads(file.metadata()["card"])


def _load(kind: type[Network], path: Path) -> Network:
    if not path.exists():
        raise FileNotFoundError(
            f"There are no weights at {path}: train them first, "
            "`python -m cvbook.train.shipped_weights --help` says how."
        )
    try:
        with safe_open(path, "pt") as file:
            settings = json.loads(file.metadata()["settings"])
        tensors = load_file(path)
        for name, value in tensors.items():
            tensors[name] = value.float() if value.is_floating_point() else value
        if any(type(value) is int and value > LARGEST for value in settings.values()):
            raise ValueError(f"a setting is larger than {LARGEST}")
        check_fit(lambda: kind(**settings), tensors)
        model = kind(**settings)
        model.load_state_dict(tensors)
    except Exception as error:  # settings of another network make it raise nearly anything
        raise ValueError(
            f"{path} does not hold a {kind.__name__} of this version of the book "
            f"({str(error)[:300] or type(error).__name__})."
        ) from None
    return channels_last(model).eval()


def recogniser(path: Path | None = None) -> Recogniser:
    """The shipped recogniser, or one saved by `save`.

    Raises:
        FileNotFoundError, ValueError: there is none, or not of this kind.
    """
    return _load(Recogniser, path or data_path("weights", "recogniser.safetensors"))


def detector(path: Path | None = None) -> Detector:
    """The shipped detector, or one saved by `save`; errors as for `recogniser`."""
    return _load(Detector, path or data_path("weights", "detector.safetensors"))


def embedder(path: Path | None = None) -> Embedder:
    """The shipped embedder of products, or one saved by `save`; errors as for `recogniser`."""
    return _load(Embedder, path or data_path("weights", "embedder.safetensors"))
