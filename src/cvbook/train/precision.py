"""Training in 16 bits, written out: a scaled loss and FP32 master weights.

After Micikevicius et al. (2018); with the recipes that the book compares.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from cvbook.models.channels_last import channels_last


@dataclass
class LossScale:
    """What the loss is multiplied by, so that small gradients do not become zero in FP16.

    Attributes:
        scale: the factor.
        interval: after so many clean steps in a row it doubles, and it is halved where a gradient
            overflows; None keeps it fixed. The defaults are those of `torch.amp.GradScaler`.
        clean: steps in a row so far.
    """

    scale: float = 2.0**16
    interval: int | None = 2000
    clean: int = field(default=0, init=False)

    def update(self, finite: bool) -> None:
        """After a step: were all gradients finite?"""
        if self.interval is None:
            return
        self.clean = self.clean + 1 if finite else 0
        if not finite:
            self.scale /= 2
        elif self.clean == self.interval:
            self.scale, self.clean = 2 * self.scale, 0


class MasterWeights:
    """FP32 copies of a network's parameters.

    The optimiser changes these; the network gets them rounded. Without them an update smaller than
    about a thousandth of its weight is rounded away, every time.
    """

    def __init__(self, model: nn.Module):
        self.rounded: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
        self.full = [p.detach().to(torch.float32, copy=True).requires_grad_() for p in self.rounded]

    def collect(self) -> None:
        """The network's gradients, in FP32, become the copies'."""
        for full, rounded in zip(self.full, self.rounded, strict=True):
            full.grad = None if rounded.grad is None else rounded.grad.float()

    @torch.no_grad()
    def publish(self) -> None:
        """The copies, rounded, become the network's."""
        for full, rounded in zip(self.full, self.rounded, strict=True):
            rounded.copy_(full)


@dataclass(frozen=True)
class Precision:
    """In which numbers a network is trained.

    Attributes:
        dtype: of weights, activations and gradients.
        scale: makes a loss scale; None multiplies by nothing.
        master: FP32 copies of the weights.
        autocast: instead, FP32 weights, and operators that gain from it in this type.
    """

    dtype: torch.dtype = torch.float32
    scale: Callable[[], LossScale] | None = None
    master: bool = False
    autocast: torch.dtype | None = None


def _fixed() -> LossScale:
    return LossScale(128.0, None)


RECIPES = {
    "FP32": Precision(),
    "plain FP16": Precision(torch.float16),
    "scaled": Precision(torch.float16, _fixed),
    "master weights": Precision(torch.float16, master=True),
    "scaled with master weights": Precision(torch.float16, _fixed, True),
    "scaled as needed with master weights": Precision(torch.float16, LossScale, True),
    "autocast FP16": Precision(scale=LossScale, autocast=torch.float16),
    "plain BF16": Precision(torch.bfloat16),
    "autocast BF16": Precision(autocast=torch.bfloat16),
}


@dataclass
class Log:
    """What happened in a run, step by step.

    Attributes:
        losses: unscaled; nan once training has failed.
        zeros: share of gradient elements that are exactly 0.
        scales: of the loss.
        skipped: how many steps were.
    """

    losses: list[float] = field(default_factory=list)
    zeros: list[float] = field(default_factory=list)
    scales: list[float] = field(default_factory=list)
    skipped: int = 0


def _autocast(device: str, dtype: torch.dtype | None) -> torch.autocast:
    """Autocast to a type; None: none."""
    kind = torch.device(device).type
    return torch.autocast(kind, dtype or torch.bfloat16, enabled=dtype is not None)


def train_in(
    recipe: Precision,
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    loss: Callable[[Tensor, Tensor], Tensor],
    optimiser: Callable[[list[Tensor]], torch.optim.Optimizer],
    rate: Callable[[int], float],
    device: str = "cpu",
    name: str = "training",
) -> Log:
    """Train in place by a recipe.

    A loss that is not finite is logged, not raised: to see it happen is the point here.

    Args:
        model: in FP32; it is cast.
        batches: of inputs float32[B, ...] and targets.
        loss: of FP32 outputs and targets.
        optimiser: made from parameters.
        rate: learning rate at a step.
        name: for the progress bar.
    """
    model.to(device, recipe.dtype).train()
    own: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
    master = MasterWeights(model) if recipe.master else None
    parameters = master.full if master else own
    steps, scale, log = optimiser(parameters), recipe.scale() if recipe.scale else None, Log()
    for number, (x, y) in enumerate(tqdm(batches, desc=name, leave=False)):
        for group in steps.param_groups:
            group["lr"] = rate(number)
        with _autocast(device, recipe.autocast):
            output = model(x.to(device, recipe.dtype))
        value = loss(output.float(), y.to(device))
        factor = scale.scale if scale else 1.0
        model.zero_grad()
        (value * factor).backward()
        reached = [p.grad for p in model.parameters() if p.grad is not None]
        zero = sum(int((grad == 0).sum()) for grad in reached)
        log.zeros.append(zero / sum(grad.numel() for grad in reached))
        log.losses.append(value.item())
        log.scales.append(factor)
        if master:
            master.collect()
        gradients = [p.grad for p in parameters if p.grad is not None]
        finite = True
        if scale:
            # In FP16 unless there are master weights, and then the small ones are lost here after
            # all.
            for g in gradients:
                g.div_(factor)
            finite = all(bool(torch.isfinite(g).all()) for g in gradients)
            scale.update(finite)
        if finite:
            steps.step()
            if master:
                master.publish()
        else:
            log.skipped += 1
    model.eval()
    return log


def step_times(
    model: nn.Module, inputs: tuple[Tensor, ...], rounds: int, device: str = "cpu"
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Seconds of training steps in FP32 and under autocast.

    The types take turns, so that a busy machine slows all of them.

    Args:
        model: is trained in place, on the mean square of its output.
        inputs: its positional arguments.
        rounds: steps of each type, after one to warm up.

    Returns:
        Seconds of each step by type ("FP32", "BF16", and on a GPU "FP16"), and on a GPU the peak
        memory by type in MB (2²⁰ bytes).
    """
    channels_last(model, device).train()
    inputs = tuple(x.to(device) for x in inputs)
    optimiser, cuda = torch.optim.SGD(model.parameters(), 1e-4), torch.device(device).type == "cuda"
    kinds = {"FP32": None, "BF16": torch.bfloat16} | ({"FP16": torch.float16} if cuda else {})
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    memory = {}
    for turn in range(rounds + 1):
        for kind, dtype in kinds.items():
            if cuda:
                torch.cuda.reset_peak_memory_stats()
                torch.cuda.synchronize()
            begun = time.perf_counter()
            with _autocast(device, dtype):
                output = model(*inputs)
            optimiser.zero_grad()
            # Scaled, or small gradients would vanish in FP16.
            loss = 1024 * output.float().square().mean()
            loss.backward()
            optimiser.step()
            if cuda:
                torch.cuda.synchronize()
                memory[kind] = round(torch.cuda.max_memory_allocated() / 2**20)
            if turn:
                taken[kind].append(time.perf_counter() - begun)
    return taken, memory
