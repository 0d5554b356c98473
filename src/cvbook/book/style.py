"""One figure style: few colours that colour-blind readers can tell apart, direct labels."""

import inspect
import textwrap
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
from cycler import cycler
from IPython.display import Markdown
from matplotlib.axes import Axes

# Okabe and Ito's palette, in the order in which a figure uses it. The first is ours, grey is the
# baseline.
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#AA4499",
    "#56B4E9",
    "#E69F00",
)
GREY = "#767676"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)


def use() -> None:
    """Set the style for this session.

    Figures keep a white sheet of their own, so that they can also be read on a dark page.
    """
    mpl.rcParams.update(
        {
            "figure.figsize": (7.2, 3.6),
            "figure.dpi": 110,
            "savefig.dpi": 110,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titlesize": 11,
            "axes.titleweight": "bold",
            "axes.labelsize": 10,
            "axes.prop_cycle": cycler(color=COLOURS),
            "axes.grid": True,
            "grid.color": "#e3e3e3",
            "axes.axisbelow": True,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.frameon": False,
            "font.family": "DejaVu Sans",
            "lines.linewidth": 1.8,
            "image.cmap": "gray",
            "svg.hashsalt": "cvbook",
            "figure.max_open_warning": 50,
        }
    )


def picture(ax: Axes, image: np.ndarray, title: str = "") -> None:
    """Show uint8[H, W] or [H, W, 3] on axes without ticks."""
    ax.imshow(image, vmin=0, vmax=255, aspect="equal", interpolation="antialiased")
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)
    if title:
        ax.set_title(title, fontsize=9, fontweight="normal")


def framed(ax: Axes, image: np.ndarray, colour: str, title: str = "") -> None:
    """`picture` in a coloured frame that tells, for instance, whether a result is right."""
    picture(ax, image, title)
    ax.spines[:].set(visible=True, linewidth=3, color=colour)


def label_end(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Name a curve at its end, in its colour, rather than in a legend."""
    ax.annotate(
        text,
        (x, y),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        color=colour,
        fontsize=9,
    )


def race(ax: Axes, cases: list[dict], ours: str, peer: str, unit: str) -> None:
    """A stored benchmark as bars.

    For each case the medians of `case[ours]` and `case[peer]` are drawn, and `case["ratio"]` says
    how many times as fast ours is.
    """
    for y, case in enumerate(cases):
        for offset, who, colour in ((0.2, ours, BLUE), (-0.2, peer, GREY)):
            value = np.median(case[who])
            ax.barh(y + offset, value, 0.36, color=colour)
            ax.text(
                value,
                y + offset,
                f" {who} {value:.3g}"
                + (f" ({case['ratio']:.1f} times as fast)" if who == ours else ""),
                va="center",
                fontsize=8,
            )
    ax.set(
        yticks=range(len(cases)),
        yticklabels=[case["name"] for case in cases],
        xlabel=f"{unit}, median",
    )
    ax.set_xlim(0, 1.45 * max(np.median(case[who]) for case in cases for who in (ours, peer)))
    ax.grid(False)


def trials(
    ax: Axes, strength: np.ndarray, score: np.ndarray, colour: str, label: str | None = None
) -> None:
    """The trainings that tuned a loss.

    Three strengths are a curve, what was tried after them are crosses, and the best is ringed.
    """
    ax.plot(strength[:3], score[:3], "o-", color=colour, label=label, markersize=4)
    ax.plot(strength[3:], score[3:], "x", color=colour)
    ax.plot(
        strength[score.argmax()], score.max(), "o", color=colour, markersize=10, fillstyle="none"
    )


def show(thing: Callable) -> Markdown:
    """The library's own source of a function or class, highlighted: what you read is what runs."""
    return Markdown(f"```python\n{textwrap.dedent(inspect.getsource(thing)).rstrip()}\n```")
