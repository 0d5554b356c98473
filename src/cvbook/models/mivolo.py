"""MiVOLO: VOLO with a stem for the face and one for the person, fused before the first block (Kuprashevich and Tolstykh 2023).

VOLO's blocks come from timm, so that its weights and those of the official MiVOLO load by name. Written here are what MiVOLO adds, and an
outlook attention without `unfold` and `fold`, for these have no counterpart in TensorRT and OpenVINO.
"""

import pickle
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cvbook.models.torchvision_ops import declare_missing

declare_missing()
from timm.layers import Mlp, trunc_normal_  # noqa: E402
from timm.models import volo  # noqa: E402


def gather_windows(v: Tensor) -> Tensor:
    """The 3 × 3 windows at every second pixel, padded by one: float[B, C, 2h, 2w] → float[B, C, 9, h, w], as `F.unfold` cuts them."""
    h, w = v.shape[2] // 2, v.shape[3] // 2
    v = F.pad(v, [1, 1, 1, 1])
    return torch.stack(
        [v[:, :, i : i + 2 * h - 1 : 2, j : j + 2 * w - 1 : 2] for i in range(3) for j in range(3)],
        2,
    )


def scatter_windows(x: Tensor) -> Tensor:
    """Add such windows up where they overlap: float[B, C, 9, h, w] → float[B, C, 2h, 2w], as `F.fold` does.

    A pixel in an even row and column is the middle of one window; one beside it lies in two; one between four middles in four. So the four kinds of
    pixels are four sums of shifted maps, which are then interleaved.
    """
    b, c, _, h, w = x.shape
    up, left = (
        (lambda m: F.pad(m, [0, 0, 0, 1])[:, :, 1:]),
        (lambda m: F.pad(m, [0, 1])[..., 1:]),
    )  # from the next window below, to the right
    middle, right, below, corner = (x[:, :, k] for k in (4, 5, 7, 8))
    right = right + left(x[:, :, 3])
    below = below + up(x[:, :, 1])
    corner = corner + left(x[:, :, 6]) + up(x[:, :, 2] + left(x[:, :, 0]))
    # b,c,row,column,h,w → b,c,h,row,w,column → b,c,2h,2w
    return (
        torch.stack([middle, right, below, corner], 2)
        .reshape(b, c, 2, 2, h, w)
        .permute(0, 1, 4, 2, 5, 3)
        .reshape(b, c, 2 * h, 2 * w)
    )


class OutlookAttention(volo.OutlookAttention):
    """Each window's pixels are mixed by weights that its centre alone decides; the same numbers and names as timm's, from plain operators."""

    def forward(self, x: Tensor) -> Tensor:
        """float[B, H, W, C] with even H and W → the same shape."""
        b, height, width, c = x.shape
        h, w, n, k = height // 2, width // 2, self.num_heads, 9
        v = gather_windows(self.v(x).permute(0, 3, 1, 2))  # b,c,k,h,w
        v = v.reshape(b, n, c // n, k, h * w).permute(0, 1, 4, 3, 2)  # b,heads,windows,k,c/heads
        attn = self.attn(
            F.avg_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        )  # b,h,w,heads·k·k
        attn = attn.reshape(b, h * w, n, k, k).permute(0, 2, 1, 3, 4)  # b,heads,windows,k,k
        mixed = self.attn_drop((attn * self.scale).softmax(-1)) @ v
        mixed = mixed.permute(0, 1, 4, 3, 2).reshape(
            b, c, k, h, w
        )  # b,heads,c/heads,k,windows → b,c,k,h,w
        return self.proj_drop(self.proj(scatter_windows(mixed).permute(0, 2, 3, 1)))


class RelativePosition(nn.Module):
    """Attention's position terms by a query and the offset of the key, along the height plus along the width (Bello et al. 2019)."""

    def __init__(self, size: int, dim: int):
        super().__init__()
        self.size = size
        self.height_rel, self.width_rel = (
            nn.Parameter(torch.empty(2 * size - 1, dim)) for _ in range(2)
        )
        place = torch.arange(size)
        self.register_buffer(
            "offset", place[None] - place[:, None] + size - 1, persistent=False
        )  # query, key

    def forward(self, q: Tensor) -> Tensor:
        """Queries float[B, size², dim] → float[B, size², size²]."""
        b, n, d = q.shape
        s = self.size
        q = q.reshape(b, s, s, d)  # row, column
        rows = torch.einsum("byxd,yYd->byxY", q, self.height_rel[self.offset])
        columns = torch.einsum("byxd,xXd->byxX", q, self.width_rel[self.offset])
        return (rows[..., :, None] + columns[..., None, :]).reshape(b, n, n)


class CrossAttention(nn.Module):
    """MiVOLO's fusion: the face asks the person and the person the face; both answers, normalised, go through an MLP back to the width of one.

    Args:
        dim: channels of each input. size: height and width of the maps, to which the layer norm and the position terms are tied.
    """

    def __init__(self, dim: int, size: int):
        super().__init__()
        self.scale = dim**-0.5
        self.qkv_f, self.qkv_p = (nn.Conv2d(dim, 3 * dim, 1, bias=False) for _ in range(2))
        self.pos_embed = RelativePosition(size, dim)
        self.norm = nn.LayerNorm([2 * dim, size, size])
        self.mlp = Mlp(2 * dim, 4 * dim, dim, use_conv=True)
        for weight, std in (
            (self.qkv_f.weight, self.scale),
            (self.qkv_p.weight, self.scale),
            *((p, self.scale) for p in self.pos_embed.parameters()),
        ):
            trunc_normal_(weight, std=std)

    def attention(self, q: Tensor, k: Tensor) -> Tensor:
        """Where each place of the one looks in the other: float[B, dim, S, S] each → float[B, S², S²], rows summing to one."""
        q, k = q.flatten(2).transpose(1, 2), k.flatten(2)  # b,c,h,w → b,n,c; b,c,n
        return (q @ k * self.scale + self.pos_embed(q)).softmax(-1)

    def forward(self, face: Tensor, person: Tensor) -> Tensor:
        """float[B, dim, S, S] each → float[B, dim, S, S]."""
        (qf, kf, vf), (qp, kp, vp) = self.qkv_f(face).chunk(3, 1), self.qkv_p(person).chunk(3, 1)
        seen = [
            self.attention(q, k) @ v.flatten(2).transpose(1, 2)
            for q, k, v in ((qf, kp, vp), (qp, kf, vf))
        ]  # b,n,c
        both = torch.cat(
            [s.transpose(1, 2).reshape(face.shape) for s in seen], 1
        )  # b,n,c → b,c,h,w, the two side by side
        return self.mlp(self.norm(both))


class Squeeze(nn.Module):
    """The simplest fusion: a 1 × 1 convolution of both maps back to the width of one."""

    def __init__(self, dim: int, size: int):
        super().__init__()
        self.conv = nn.Conv2d(2 * dim, dim, 1)

    def forward(self, face: Tensor, person: Tensor) -> Tensor:
        """float[B, dim, S, S] each → float[B, dim, S, S]."""
        return self.conv(torch.cat([face, person], 1))


class BottleneckAttention(nn.Module):
    """The other rejected fusion: both maps squeezed to one width, then self-attention with position terms (Srinivas et al. 2021)."""

    def __init__(self, dim: int, size: int):
        super().__init__()
        self.squeeze, self.qkv, self.norm = (
            nn.Conv2d(2 * dim, dim, 1),
            nn.Conv2d(dim, 3 * dim, 1, bias=False),
            nn.LayerNorm([dim, size, size]),
        )
        self.pos_embed, self.scale = RelativePosition(size, dim), dim**-0.5
        for weight in (self.qkv.weight, *self.pos_embed.parameters()):
            trunc_normal_(weight, std=self.scale)

    def forward(self, face: Tensor, person: Tensor) -> Tensor:
        """float[B, dim, S, S] each → float[B, dim, S, S]."""
        x = self.squeeze(torch.cat([face, person], 1))
        q, k, v = (t.flatten(2).transpose(1, 2) for t in self.qkv(x).chunk(3, 1))  # b,c,h,w → b,n,c
        seen = (q @ k.transpose(1, 2) * self.scale + self.pos_embed(q)).softmax(-1) @ v
        return self.norm(x + seen.transpose(1, 2).reshape(x.shape))


FUSIONS: dict[str, Callable[[int, int], nn.Module]] = {
    "cross-attention": CrossAttention,
    "squeeze": Squeeze,
    "bottleneck": BottleneckAttention,
}


def _stem(hidden: int) -> nn.Sequential:
    layers = []
    for i, (channels, kernel, stride) in enumerate(((3, 7, 2), (hidden, 3, 1), (hidden, 3, 1))):
        layers += [
            nn.Conv2d(channels, hidden, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=i > 0),
        ]
    return nn.Sequential(*layers)


class TwoStems(nn.Module):
    """What replaces VOLO's patch embedding: a stem for each crop, and the fusion (named `map`, as in the official weights)."""

    def __init__(self, hidden: int, dim: int, size: int, fusion: str):
        super().__init__()
        self.conv1, self.conv2 = _stem(hidden), _stem(hidden)
        self.proj1, self.proj2 = (nn.Conv2d(hidden, dim, 4, 4) for _ in range(2))
        self.map = FUSIONS[fusion](dim, size)

    def forward(self, x: Tensor) -> Tensor:
        """float[B, 6, 8S, 8S], the face's channels before the person's → float[B, dim, S, S]."""
        face, person = x[:, :3], x[:, 3:]
        return self.map(self.proj1(self.conv1(face)), self.proj2(self.conv2(person)))


class MiVOLO(volo.VOLO):
    """VOLO for age and gender, of a face (3 channels) or of face and person (6).

    Three outputs: logits of male and of female, then the age, as `data.age_gender.AgeScale` encodes it; or the age alone.

    Args:
        inputs: 1 or 2 crops. outputs: 3, or 1 for age alone. fusion: a key of FUSIONS. side: of the crops in pixels, a multiple of 16.
        layers, dims, heads: of VOLO's four stages. hidden: channels of the stem.
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
            layers=layers,
            img_size=side,
            in_chans=3,
            num_classes=outputs,
            stem_hidden_dim=hidden,
            embed_dims=dims,
            num_heads=heads,
            drop_path_rate=drop_path,
        )
        self.inputs, self.side = inputs, side
        if inputs == 2:
            self.patch_embed = TwoStems(hidden, dims[0], side // 8, fusion)
        for block in self.network[0]:
            block.attn.__class__ = OutlookAttention  # the same weights, another way to compute

    def forward_features(self, x: Tensor) -> Tensor:
        """Crops float[B, 3 · inputs, side, side], normalised → float[B, 1 + places, dim], the class token first."""
        if x.shape[1:] != (3 * self.inputs, self.side, self.side):
            raise ValueError(
                f"This network takes {3 * self.inputs} channels of {self.side} × {self.side} pixels; got {tuple(x.shape[1:])}."
            )
        return super().forward_features(x)

    @torch.no_grad()
    def start_from(self, single: nn.Module, freeze: bool = True) -> None:
        """Begin with a single-input network's weights: its stem goes to both inputs, and the face's copy is frozen.

        Args:
            single: a MiVOLO with one input, or a VOLO of timm of the same size.
        """
        state = {k: v for k, v in single.state_dict().items() if not k.startswith("patch_embed.")}
        for name, value in single.patch_embed.state_dict().items():
            part, rest = name.split(".", 1)
            state |= {f"patch_embed.{part}{i}.{rest}": value for i in (1, 2)}
        own = self.state_dict()
        wrong = [k for k, v in state.items() if k not in own or own[k].shape != v.shape]
        if wrong:
            raise ValueError(
                f"{wrong[0]} and {len(wrong) - 1} other weights do not fit: the two networks are of different size."
            )
        self.load_state_dict(own | state)
        for part in (self.patch_embed.conv1, self.patch_embed.proj1):
            part.requires_grad_(not freeze)


def mivolo_d1(**given: object) -> MiVOLO:
    """The published size, VOLO-D1: 27 million parameters with two inputs, 26 with one."""
    return MiVOLO((4, 4, 8, 2), (192, 384, 384, 384), (6, 12, 12, 12), **given)


def mivolo_small(**given: object) -> MiVOLO:
    """A sibling that trains on a CPU in minutes."""
    return MiVOLO(
        (1, 1, 1, 1), (48, 96, 96, 96), (2, 4, 4, 4), **{"side": 48, "hidden": 16} | given
    )


def save_checkpoint(model: MiVOLO, path: Path | str, low: float, high: float) -> None:
    """Write weights and age range in the layout of the official files, under a temporary name first."""
    path, outputs = Path(path), model.head.out_features
    part = path.with_name(path.name + ".part")
    about = {
        "min_age": low,
        "max_age": high,
        "avg_age": (low + high) / 2,
        "no_gender": outputs == 1,
        "with_persons_model": model.inputs == 2,
    }
    torch.save({"state_dict": model.state_dict()} | about, part)
    part.replace(path)


def load_checkpoint(path: Path | str) -> tuple[MiVOLO, float, float]:
    """A network of one of the official files, or of ours: the network in evaluation mode, and the lowest and highest age of its scale.

    The sizes are read off the weights; statistics of FDS that a file may hold are left.

    Raises:
        ValueError: no such file, or it holds something else.
    """
    try:
        file = torch.load(path, map_location="cpu", weights_only=True)
        state = {k: v for k, v in file["state_dict"].items() if not k.startswith("fds.")}
        low, high = float(file["min_age"]), float(file["max_age"])
        inputs = 2 if "patch_embed.conv1.0.weight" in state else 1
        stem, places = (
            state[f"patch_embed.conv{'1' if inputs == 2 else ''}.0.weight"],
            state["pos_embed"].shape,
        )
        heads, first = (
            state["network.0.0.attn.attn.weight"].shape[0] // 81,
            state["network.0.0.norm1.weight"].shape[0],
        )
        layers = tuple(
            len({k.split(".")[2] for k in state if k.startswith(f"network.{stage}.")})
            for stage in (0, 2, 3, 4)
        )
        model = MiVOLO(
            layers,
            (first, *[places[3]] * 3),
            (heads, *[2 * heads] * 3),
            inputs,
            state["head.weight"].shape[0],
            side=16 * places[1],
            hidden=stem.shape[0],
        )
        model.load_state_dict(state)
    except (
        OSError,
        KeyError,
        RuntimeError,
        TypeError,
        AttributeError,
        EOFError,
        pickle.UnpicklingError,
    ) as error:
        raise ValueError(
            f"{path} is not a checkpoint of MiVOLO: it needs state_dict, min_age and max_age. ({type(error).__name__}: {str(error)[:150]})"
        ) from None
    return model.eval(), low, high
