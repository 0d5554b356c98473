"""Networks that read age and gender off one crop, from timm.

They are of the published sizes, or siblings small enough for a CPU.
"""

from collections.abc import Callable

from torch import nn

from cvbook.models.mivolo import mivolo_d1, mivolo_small
from cvbook.models.torchvision_ops import declare_missing

declare_missing()
import timm  # noqa: E402
from timm.models import cait, resnet, vision_transformer, xcit  # noqa: E402

PATCH, WIDTH, HEADS = 8, 96, 4  # of the small transformers


def _resnext(side: int, outputs: int) -> nn.Module:
    return resnet.ResNet(
        resnet.Bottleneck,  # type: ignore[arg-type]  # timm's annotation means an instance
        (1, 1, 1, 1),
        channels=(16, 32, 64, 128),
        cardinality=8,
        base_width=16,
        num_classes=outputs,
    )


def _vit(side: int, outputs: int) -> nn.Module:
    return vision_transformer.VisionTransformer(
        side, PATCH, num_classes=outputs, embed_dim=WIDTH, depth=3, num_heads=HEADS
    )


def _cait(side: int, outputs: int) -> nn.Module:
    return cait.Cait(side, PATCH, num_classes=outputs, embed_dim=WIDTH, depth=2, num_heads=HEADS)


def _xcit(side: int, outputs: int) -> nn.Module:
    return xcit.Xcit(
        side, PATCH, num_classes=outputs, embed_dim=WIDTH, depth=2, num_heads=HEADS, eta=1.0
    )


def _volo(side: int, outputs: int) -> nn.Module:
    return mivolo_small(side=side, inputs=1, outputs=outputs)


SMALL: dict[str, Callable[[int, int], nn.Module]] = {
    "ResNeXt": _resnext,
    "ViT": _vit,
    "CaiT": _cait,
    "XCiT": _xcit,
    "VOLO": _volo,
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
        name: ResNeXt, ViT, CaiT, XCiT or VOLO.
        side: of the crop in pixels.
        outputs: 3, logits of male and female and the age; or 1, the age.
        small: about half a million weights. Otherwise the size of the article (ResNeXt-50 32×4d,
            VOLO-D1) or the nearest usual one, at 224 pixels.

    Raises:
        ValueError: no such network.
    """
    if name not in SMALL:
        raise ValueError(f"There is no baseline {name!r}; choose one of {', '.join(SMALL)}.")
    if small:
        return SMALL[name](side, outputs)
    if name == "VOLO":
        return mivolo_d1(inputs=1, outputs=outputs, side=side)
    return timm.create_model(LARGE[name], num_classes=outputs)
