"""Let timm import beside a CPU build of torch.

PyPI's torchvision wheel is compiled for CUDA. Beside a CPU torch its library of operators does not
load, and then `import torchvision`, which timm does, fails: it registers shape rules for operators
that nobody has declared. Declaring them is enough for every import and for all that timm's models
use. Calling one of them (`torchvision.ops.nms`, `roi_align` …) still fails; the book has its own
non-maximum suppression.
"""

import contextlib
import importlib.util
from pathlib import Path

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_libraries: list[torch.library.Library] = []  # a declaration lives as long as its library


def _exists(name: str) -> bool:
    try:
        torch._C._dispatch_find_schema_or_throw(f"torchvision::{name}", "")
    except RuntimeError:
        return False
    return True


def declare_missing() -> list[str]:
    """Declare the operators that torchvision expects and that do not exist.

    Returns:
        Their names; none where all is well.

    Call it before anything imports torchvision.
    """
    spec = importlib.util.find_spec("torchvision")
    folders = spec.submodule_search_locations if spec else None
    for file in Path(folders[0]).glob("_C*.so") if folders else ():
        # Where the compiled library fits the torch at hand it loads, as torchvision itself would
        # load it, and nothing is missing.
        with contextlib.suppress(OSError):
            torch.ops.load_library(str(file))
    missing = [name for name in _SCHEMAS if not _exists(name)]
    for name in missing:
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define(_SCHEMAS[name])
        _libraries.append(library)
    return missing
