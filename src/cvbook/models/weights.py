"""The shipped weights: half precision, one safetensors file a model, its settings and card in the file's header."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from cvbook.models.detector import Detector
from cvbook.models.embedder import Embedder
from cvbook.models.recogniser import Recogniser
from cvbook.paths import DATA, RUNS, data_path

FOLDER = DATA / "weights"


def recogniser_path(seed: int = 0) -> Path:
    """Where the recogniser trained with a seed lies: seed 0 ships, the others are trained by the reader under `runs/weights`."""
    return (
        FOLDER / "recogniser.safetensors"
        if seed == 0
        else RUNS / "weights" / f"recogniser-{seed}.safetensors"
    )


def save(model: nn.Module, path: Path, settings: dict, card: dict) -> None:
    """Write a model in half precision with the settings that rebuild it and a card (how trained, measured how).

    Written under a temporary name, then renamed.
    """
    tensors = {
        k: (v.half() if v.is_floating_point() else v).contiguous()
        for k, v in model.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        tensors,
        path.with_suffix(".tmp"),
        {"settings": json.dumps(settings), "card": json.dumps(card, ensure_ascii=False)},
    )
    path.with_suffix(".tmp").replace(path)


def card(name: str) -> dict:
    """The card of a shipped model: "recogniser", "detector" or "embedder"."""
    with safe_open(data_path("weights", f"{name}.safetensors"), "pt") as file:
        return json.loads(file.metadata()["card"])


def _load(kind: type[nn.Module], path: Path) -> nn.Module:
    if not path.exists():
        raise FileNotFoundError(
            f"There are no weights at {path}: train them first, `python -m cvbook.train.shipped_weights --help` says how."
        )
    try:
        with safe_open(path, "pt") as file:
            settings = json.loads(file.metadata()["settings"])
        tensors = {
            key: value.float() if value.is_floating_point() else value
            for key, value in load_file(path).items()
        }
        model = kind(**settings)
        model.load_state_dict(tensors)
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, SafetensorError) as error:
        raise ValueError(
            f"{path} does not hold a {kind.__name__} of this version of the book ({error})."
        ) from None
    return model.to(memory_format=torch.channels_last).eval()


def recogniser(path: Path | None = None) -> Recogniser:
    """The shipped recogniser, or one saved by `save`; raises FileNotFoundError or ValueError with what is wrong."""
    return _load(Recogniser, path or data_path("weights", "recogniser.safetensors"))


def detector(path: Path | None = None) -> Detector:
    """The shipped detector, or one saved by `save`; raises FileNotFoundError or ValueError with what is wrong."""
    return _load(Detector, path or data_path("weights", "detector.safetensors"))


def embedder(path: Path | None = None) -> Embedder:
    """The shipped embedder of products, or one saved by `save`; raises FileNotFoundError or ValueError with what is wrong."""
    return _load(Embedder, path or data_path("weights", "embedder.safetensors"))
