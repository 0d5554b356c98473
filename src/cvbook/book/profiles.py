"""How large a chapter's run is, and how it begins: profile, seeds, threads, device, style."""

import os
import random
from typing import TypeVar

import numpy as np
import torch

from cvbook.book import style

PROFILES = ("ci", "study", "full")
T = TypeVar("T")


def pick(profile: str, *, ci: T, study: T, full: T) -> T:
    """The value for a profile; raises ValueError for an unknown one."""
    sizes = {"ci": ci, "study": study, "full": full}
    if profile not in sizes:
        raise ValueError(f"There is no profile {profile!r}; choose one of {', '.join(PROFILES)}.")
    return sizes[profile]


def seed_everything(seed: int) -> None:
    """Fix Python's, NumPy's and torch's random numbers and ask torch for deterministic kernels."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 — for libraries that still draw from it
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def begin(profile: str, seed: int, device: str = "cpu") -> torch.device:
    """Begin a chapter: check the profile, fix the seeds, set the style, and choose the device.

    On a CPU one thread is used, so that results do not depend on the number of cores and chapters
    can run side by side. The `full` profile uses all.

    Raises:
        ValueError: unknown profile. RuntimeError: a GPU is asked for where there is none.
    """
    pick(profile, ci=0, study=0, full=0)
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise RuntimeError(
            "There is no CUDA GPU here: set device='cpu', and profile='ci' or 'study' to finish"
            " in minutes."
        )
    seed_everything(seed)
    if profile != "full":
        torch.set_num_threads(1)
    style.use()
    return torch.device(device)
