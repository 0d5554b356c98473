"""MiVOLO: VOLO with a stem for the face and one for the person (Kuprashevich and Tolstykh 2023).

Their maps are fused before the first block. VOLO's blocks come from timm, so that its weights and
those of the official MiVOLO load by name.
"""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cvbook.files import replacing
from cvbook.models.fit import check_fit
from cvbook.models.fusion import FUSIONS
from cvbook.models.outlook import OutlookAttention
from cvbook.models.torchvision_ops import declare_missing

declare_missing()
from timm.models import volo  # noqa: E402


def _stem(hidden: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, (channels, kernel, stride) in enumerate(((3, 7, 2), (hidden, 3, 1), (hidden, 3, 1))):
        layers += [
            nn.Conv2d(channels, hidden, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=i > 0),
        ]
    return nn.Sequential(*layers)


class TwoStems(nn.Module):
    """What replaces VOLO's patch embedding: a stem for each crop, and the fusion.

    The fusion is named `map`, as in the official weights.
    """

    def __init__(self, hidden: int, dim: int, size: int, fusion: str):
        super().__init__()
        self.conv1, self.conv2 = _stem(hidden), _stem(hidden)
        self.proj1, self.proj2 = nn.Conv2d(hidden, dim, 4, 4), nn.Conv2d(hidden, dim, 4, 4)
        self.map = FUSIONS[fusion](dim, size)

    def forward(self, x: Tensor) -> Tensor:
        """float[B, 6, 8S, 8S], the face's channels before the person's → float[B, dim, S, S]."""
        face, person = x[:, :3], x[:, 3:]
        return self.map(self.proj1(self.conv1(face)), self.proj2(self.conv2(person)))


class MiVOLO(volo.VOLO):
    """VOLO for age and gender, of a face (3 channels) or of face and person (6).

    Three outputs: logits of male and of female, then the age, as `data.age_gender.AgeScale` encodes
    it; or the age alone.

    Args:
        layers, dims, heads: of VOLO's four stages.
        inputs: 1 or 2 crops.
        outputs: 3, or 1 for age alone.
        fusion: a key of FUSIONS.
        side: of the crops in pixels, a multiple of 16.
        hidden: channels of the stem.
        drop_path: rate at which whole branches are dropped in training, in the last block.
    """

    def __init__(
        self,
        layers: tuple[int, ...],
        dims: tuple[int, ...],
        heads: tuple[int, ...],
        inputs: int = 2,
        outputs: int = 3,
        fusion: str = "cross-attention",
        side: int = 224,
        hidden: int = 64,
        drop_path: float = 0.0,
    ):
        if side % 16:
            raise ValueError(
                f"Crops of {side} pixels do not divide into patches: choose a multiple of 16."
            )
        super().__init__(
            layers=list(layers),
            img_size=side,
            in_chans=3,
            num_classes=outputs,
            stem_hidden_dim=hidden,
            embed_dims=list(dims),
            num_heads=list(heads),
            drop_path_rate=drop_path,
        )
        self.inputs, self.side = inputs, side
        if inputs == 2:
            self.add_module("patch_embed", TwoStems(hidden, dims[0], side // 8, fusion))
        for block in self.network[0].children():
            # The same weights, another way to compute.
            block.get_submodule("attn").__class__ = OutlookAttention

    def forward_features(self, x: Tensor) -> Tensor:
        """Crops float[B, 3 · inputs, side, side], normalised → float[B, 1 + places, dim].

        The class token is first.
        """
        if x.shape[1:] != (3 * self.inputs, self.side, self.side):
            raise ValueError(
                f"This network takes {3 * self.inputs} channels of {self.side} × {self.side} "
                f"pixels; got {tuple(x.shape[1:])}."
            )
        return super().forward_features(x)

    @torch.no_grad()
    def start_from(self, single: nn.Module, freeze: bool = True) -> None:
        """Begin with a single-input network's weights: its stem goes to both inputs.

        Args:
            single: a MiVOLO with one input, or a VOLO of timm of the same size.
            freeze: the face's copy of the stem does not learn.
        """
        state = {k: v for k, v in single.state_dict().items() if not k.startswith("patch_embed.")}
        for name, value in single.get_submodule("patch_embed").state_dict().items():
            part, rest = name.split(".", 1)
            state |= {f"patch_embed.{part}{i}.{rest}": value for i in (1, 2)}
        own = self.state_dict()
        wrong = [k for k, v in state.items() if k not in own or own[k].shape != v.shape]
        if wrong:
            raise ValueError(
                f"{wrong[0]} and {len(wrong) - 1} other weights do not fit: "
                "the two networks are of different size."
            )
        self.load_state_dict(own | state)
        for part in ("conv1", "proj1"):
            self.get_submodule(f"patch_embed.{part}").requires_grad_(not freeze)


def mivolo_d1(**given: Any) -> MiVOLO:
    """The published size, VOLO-D1: 27 million parameters with two inputs, 26 with one."""
    return MiVOLO((4, 4, 8, 2), (192, 384, 384, 384), (6, 12, 12, 12), **given)


def mivolo_small(**given: Any) -> MiVOLO:
    """A sibling that trains on a CPU in minutes."""
    given = {"side": 48, "hidden": 16} | given
    return MiVOLO((1, 1, 1, 1), (48, 96, 96, 96), (2, 4, 4, 4), **given)


def save_checkpoint(model: MiVOLO, path: Path | str, low: float, high: float) -> None:
    """Write weights and age range in the layout of the official files."""
    about = {
        "min_age": low,
        "max_age": high,
        "avg_age": (low + high) / 2,
        "no_gender": model.num_classes == 1,
        "with_persons_model": model.inputs == 2,
    }
    with replacing(path) as part, part.open("wb") as file:
        torch.save({"state_dict": model.state_dict()} | about, file)


def load_checkpoint(path: Path | str) -> tuple[MiVOLO, float, float]:
    """A network of one of the official files, or of ours.

    The sizes are read off the weights; statistics of FDS that a file may hold are left.

    Returns:
        The network in evaluation mode, and the lowest and highest age of its scale.

    Raises:
        ValueError: no such file, or it holds something else.
    """
    try:
        file = torch.load(path, map_location="cpu", weights_only=True)
        state = {k: v for k, v in file["state_dict"].items() if not k.startswith("fds.")}
        low, high = float(file["min_age"]), float(file["max_age"])
        inputs = 2 if "patch_embed.conv1.0.weight" in state else 1
        stem = state[f"patch_embed.conv{'1' if inputs == 2 else ''}.0.weight"]
        places = state["pos_embed"].shape
        heads = state["network.0.0.attn.attn.weight"].shape[0] // 81
        first = state["network.0.0.norm1.weight"].shape[0]
        blocks = {tuple(k.split(".")[1:3]) for k in state if k.startswith("network.")}
        sizes = (
            tuple(sum(at == stage for at, _ in blocks) for stage in "0234"),
            (first, *[places[3]] * 3),
            (heads, *[2 * heads] * 3),
            inputs,
            state["head.weight"].shape[0],
        )
        given = {"side": 16 * places[1], "hidden": stem.shape[0]}
        check_fit(lambda: MiVOLO(*sizes, **given), state)
        model = MiVOLO(*sizes, **given)
        model.load_state_dict(state)
        if not -1 < low < high < 1000:
            raise ValueError(f"ages go from {low:g} to {high:g}")
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist: check the path.") from None
    except pickle.UnpicklingError:  # torch's own words say how to run what is in it
        raise ValueError(
            f"{path} is not a checkpoint of MiVOLO: it holds more than weights, or none. Nothing "
            "of it was run."
        ) from None
    except Exception as error:  # on a file of something else torch and timm raise nearly anything
        raise ValueError(
            f"{path} is not a checkpoint of MiVOLO: it needs state_dict, min_age and max_age. "
            f"({type(error).__name__}: {str(error)[:150]})"
        ) from None
    return model.eval(), low, high
