"""The scoreboard of claims, made from evidence: for the terminal, the README and the book."""

from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from cvbook.book import style
from cvbook.book.claims import VERDICTS, Claim, all_claims, effect, evidence, verdict
from cvbook.files import write_text
from cvbook.metrics.statistics import Interval

# Of each verdict: its colour in plots, and the kind of its badge on the page.
LOOKS = {
    "supported": (style.GREEN, "success"),
    "weak": (style.SKY, "info"),
    "open": (style.GREY, "dark"),
    "contradicted": (style.ORANGE, "warning"),
    "needs a GPU": (style.PURPLE, "primary"),
    "not yet tested": ("#bbbbbb", "light"),
}


def rows() -> list[tuple[Claim, Interval | None, str]]:
    """Every claim with its interval, if any, and its verdict."""
    return [(c, e, verdict(key, e)) for key, c in all_claims().items() for e in [effect(key)]]


def describe(c: Claim, e: Interval | None) -> str:
    """The effect with its interval in words; a dash if there is none."""
    if e is None:
        return "–"
    if e.n < 2:
        return f"{e.mean:+.4g} (one seed)" if not c.ratio else f"×{e.mean:.3g} (one seed)"
    numbers = (
        f"×{e.mean:.3g} [{e.low:.3g}, {e.high:.3g}]"
        if c.ratio
        else f"{e.mean:+.4g} [{e.low:+.4g}, {e.high:+.4g}]"
    )
    return f"{numbers}, {e.n} seeds" if e.n >= c.seeds else f"{numbers}, {e.n} of {c.seeds} seeds"


def summary() -> str:
    """The README's line: how many claims stand where."""
    counts = Counter(v for _, _, v in rows())
    return " · ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v])


def update_readme(path: Path) -> None:
    """Write the counts, and the claims that have evidence, between the README's two markers."""
    tested = [f"| {c.id} | {c.statement} | **{v}** | {describe(c, e)} |" for c, e, v in rows() if e]
    table = (
        ["| claim | | verdict | effect, 95 % interval |", "| --- | --- | --- | --- |", *tested]
        if tested
        else []
    )
    head, rest = path.read_text().split("<!-- claims -->")
    tail = rest.split("<!-- /claims -->")[1]
    write_text(
        path,
        head
        + "\n".join(
            [
                "<!-- claims -->",
                f"{len(all_claims())} claims: {summary()}.",
                "",
                *table,
                "<!-- /claims -->",
            ]
        )
        + tail,
    )


def as_text() -> str:
    """One line a claim, for the terminal."""
    return (
        "\n".join(f"{c.id:4} {v:15} {describe(c, e):44} {c.statement}" for c, e, v in rows())
        + f"\n\n{summary()}"
    )


def plot(c: Claim, e: Interval, target: Path) -> None:
    """A small plot of an interval: the effect is a dot with a bar.

    "Nothing" is at the thin line, the smallest effect that matters at the dashed one.
    """
    nothing, bar = (1.0, 1.0 + c.smallest) if c.ratio else (0.0, c.smallest)
    low, high = (e.low, e.high) if np.isfinite([e.low, e.high]).all() else (e.mean, e.mean)
    with plt.rc_context({"figure.constrained_layout.use": False}):
        figure, ax = plt.subplots(figsize=(2.2, 0.42), dpi=140)
        ax.axvline(nothing, color="#444444", lw=0.8)
        ax.axvline(bar, color="#888888", lw=0.8, ls=(0, (3, 2)))
        colour = LOOKS[verdict(c.id, e)][0]
        ax.plot([low, high], [0, 0], color=colour, lw=3, solid_capstyle="round")
        ax.plot(e.mean, 0, "o", color=colour, ms=5)
        reach = max(abs(v - nothing) for v in (low, high, bar)) * 1.15 or 1.0
        ax.set(xlim=(nothing - reach, nothing + reach), ylim=(-1, 1), yticks=[])
        ax.axis("off")
        figure.subplots_adjust(0, 0, 1, 1)
        figure.savefig(target, facecolor="white")
        plt.close(figure)


def write_page(folder: Path) -> None:
    """Write `claims-table.md` and its plots into a folder, for the scoreboard's page to include."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "```{list-table}",
        ":header-rows: 1",
        ":class: scoreboard",
        ":widths: 6 40 12 42",
        "",
        "* - Claim",
        "  - What is claimed",
        "  - Verdict",
        "  - Effect with its 95 % interval",
    ]
    for c, e, v in rows():
        profile = next(
            (p for p in ("full", "study", "ci") if any(r["profile"] == p for r in evidence(c.id))),
            "",
        )
        lines += [
            f"* - ({c.id})=",
            f"    **{c.id}**",
            f"  - {c.statement} {{cite}}`{c.source}`",
            f"  - {{bdg-{LOOKS[v][1]}}}`{v}`",
        ]
        if e is None:
            lines.append(
                f"  - Will be: {c.metric}, {c.arms[0]} against {c.arms[1]}, {c.seeds} seeds,"
                f" in chapter {c.chapter}."
            )
        else:
            plot(c, e, folder / f"{c.id}.png")
            lines += [
                f"  - ![Interval plot of {c.id}: {describe(c, e)}](generated/{c.id}.png)",
                "",
                f"    {describe(c, e)}. {c.metric.capitalize()}, {c.arms[0]} against {c.arms[1]},"
                f" `{profile}` profile, chapter {c.chapter}.",
            ]
    (folder / "claims-table.md").write_text("\n".join([*lines, "```", ""]))
