"""Networks that read age and gender off one crop, from timm: the published sizes, and siblings small enough for a CPU."""

from collections.abc import Callable

from torch import nn

from cvbook.models.mivolo import mivolo_d1, mivolo_small
from cvbook.models.torchvision_ops import declare_missing

declare_missing()
import timm  # noqa: E402
from timm.models import cait, resnet, vision_transformer, xcit  # noqa: E402

SMALL: dict[str, Callable[[int, int], nn.Module]] = {
    "ResNeXt": lambda side, outputs: resnet.ResNet(
        resnet.Bottleneck,
        [1, 1, 1, 1],
        channels=(16, 32, 64, 128),
        cardinality=8,
        base_width=16,
        num_classes=outputs,
    ),
    "ViT": lambda side, outputs: vision_transformer.VisionTransformer(
        side, 8, num_classes=outputs, embed_dim=96, depth=3, num_heads=4
    ),
    "CaiT": lambda side, outputs: cait.Cait(
        side, 8, num_classes=outputs, embed_dim=96, depth=2, num_heads=4
    ),
    "XCiT": lambda side, outputs: xcit.Xcit(
        side, 8, num_classes=outputs, embed_dim=96, depth=2, num_heads=4, eta=1.0
    ),
    "VOLO": lambda side, outputs: mivolo_small(side=side, inputs=1, outputs=outputs),
}
LARGE = {
    "ResNeXt": "resnext50_32x4d",
    "ViT": "vit_small_patch16_224",
    "CaiT": "cait_xxs24_224",
    "XCiT": "xcit_tiny_12_p16_224",
}


def baseline(name: str, side: int = 64, outputs: int = 3, small: bool = True) -> nn.Module:
    """A network with random weights.

    Args:
        name: ResNeXt, ViT, CaiT, XCiT or VOLO. side: of the crop in pixels. outputs: 3, logits of male and female and the age; or 1, the age.
        small: about half a million weights; otherwise the size of the article (ResNeXt-50 32×4d, VOLO-D1) or the nearest usual one, at 224 pixels.

    Raises:
        ValueError: no such network.
    """
    if name not in SMALL:
        raise ValueError(f"There is no baseline {name!r}; choose one of {', '.join(SMALL)}.")
    if small:
        return SMALL[name](side, outputs)
    return (
        mivolo_d1(inputs=1, outputs=outputs, side=side)
        if name == "VOLO"
        else timm.create_model(LARGE[name], num_classes=outputs)
    )
