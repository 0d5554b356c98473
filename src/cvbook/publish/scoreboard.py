"""The scoreboard of claims, made from evidence: for the terminal, the README and the book."""

import html
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from cvbook.book import style
from cvbook.book.findings import Finding
from cvbook.book.registry import Claim, all_claims
from cvbook.book.rule import seeds_needed
from cvbook.book.verdicts import (
    VERDICTS,
    Judgement,
    after_holm,
    counted,
    gate_in_words,
    in_words,
    judge,
)
from cvbook.files import write_text
from cvbook.paths import DATA
from cvbook.publish import provenance

# Of each verdict: its colour in plots, and the kind of its badge on the page.
LOOKS = {
    "supported": (style.GREEN, "success"),
    "weak": (style.SKY, "info"),
    "open": (style.GREY, "dark"),
    "negligible": (style.YELLOW, "warning"),
    "contradicted": (style.ORANGE, "danger"),
    "not testable": (style.BLUE, "secondary"),
    "needs a GPU": (style.PURPLE, "primary"),
    "not yet tested": ("#bbbbbb", "light"),
}


def everything() -> dict[str, Judgement]:
    """Every claim with all that is known of it, by id."""
    return {key: judge(key, now=provenance.now(c.page)) for key, c in all_claims().items()}


def worded(j: Judgement) -> str:
    """A verdict as it is shown: what was found against a claim was found here."""
    return f"{j.verdict} here" if j.verdict in ("contradicted", "negligible") else j.verdict


def effects(j: Judgement) -> list[str]:
    """The effect of a claim, or of each half, in words; empty if there is none."""
    return [
        (f"{f.half} ({f.verdict}): " if f.half else "")
        + (f"against {f.against}: " if f.against else "")
        + f"{in_words(f)}, {counted(f)}"
        for f in j.findings
    ]


def summary(judgements: dict[str, Judgement]) -> str:
    """The README's line: how many claims stand where, and how many of them are stale."""
    counts = Counter(j.verdict for j in judgements.values())
    said = " · ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v])
    stale = sum(bool(j.stale) for j in judgements.values())
    return said + (f"; {stale} stale" if stale else "")


def update_readme(path: Path) -> None:
    """Write the counts, and the claims that have evidence, between the README's two markers."""
    every = everything()
    tested = [
        f"| {key} | **{worded(j)}**{', stale' if j.stale else ''} | {j.claim.statement}"
        f" | {'; '.join(effects(j))} |"
        for key, j in every.items()
        if j.findings
    ]
    table = [
        "| claim | verdict | what is claimed | effect, 95 % interval; plus is as claimed |",
        "| --- " * 4 + "|",
    ]
    head, rest = path.read_text().split("<!-- claims -->")
    tail = rest.split("<!-- /claims -->")[1]
    lines = [
        "<!-- claims -->",
        f"{len(every)} claims: {summary(every)}.",
        "",
        *([*table, *tested] if tested else []),
        "<!-- /claims -->",
    ]
    write_text(path, head + "\n".join(lines) + tail)


def as_text() -> str:
    """A line or two for each claim, for the terminal."""
    every = everything()
    lines = []
    for key, j in every.items():
        stale = " (stale)" if j.stale else ""
        lines.append(f"{key:4} {worded(j) + stale:25} {j.claim.statement}")
        more = [*effects(j), *(gate_in_words(j) if j.verdict == "not testable" else []), *j.stale]
        lines += [f"{'':31}{said}" for said in more]
    lines += ["", "Effects with their 95 % intervals; plus is what was claimed.", summary(every)]
    return "\n".join(lines)


def plot(f: Finding, target: Path) -> None:
    """A small plot of an effect: a dot with a bar.

    "Nothing" is at the thin line, the smallest effect that matters at the dashed one.
    """
    c, e = f.about, f.interval
    nothing, bar = (1.0, 1.0 + c.smallest) if c.ratio else (0.0, c.smallest)
    low, high = (e.low, e.high) if np.isfinite([e.low, e.high]).all() else (e.mean, e.mean)
    with plt.rc_context({"figure.constrained_layout.use": False}):
        figure, ax = plt.subplots(figsize=(2.2, 0.42), dpi=140)
        ax.axvline(nothing, color="#444444", lw=0.8)
        ax.axvline(bar, color="#888888", lw=0.8, ls=(0, (3, 2)))
        colour = LOOKS[f.verdict][0]
        ax.plot([low, high], [0, 0], color=colour, lw=3, solid_capstyle="round")
        ax.plot(e.mean, 0, "o", color=colour, ms=5)
        reach = max(abs(v - nothing) for v in (low, high, bar)) * 1.15 or 1.0
        ax.set(xlim=(nothing - reach, nothing + reach), ylim=(-1, 1), yticks=[])
        ax.axis("off")
        figure.subplots_adjust(0, 0, 1, 1)
        figure.savefig(target, facecolor="white")
        plt.close(figure)


def _details(j: Judgement, stands: bool | None) -> list[str]:
    """What a sceptic asks: metric, arms, data, opponent, what varied, gate, scope, family."""
    c, lines = j.claim, []
    for f in j.findings:
        arms = f.about.arms[0] + (f" against {f.against}" if f.against else "")
        half = f"{f.half}: " if f.half else ""
        lines.append(f"{half}{f.about.metric}; {arms}; `{j.profile}` profile.")
        needed = seeds_needed(f.about, f.interval) if f.over == "seeds" else None
        if needed:
            lines.append(
                f"With this spread {needed} seeds tell a difference of {f.about.smallest:g} from"
                " none in four studies of five."
            )
    if not j.findings:
        arms = " against ".join(c.arms)
        over = f"{c.seeds} seeds" if c.seeds > 1 else c.units
        lines.append(f"Will be: {c.metric}; {arms}; over {over}, in chapter {c.chapter}.")
    names = {"varies": "seeds vary" if c.seeds > 1 else "what varies", "split": "judged on"}
    lines += [f"{names.get(k, k).capitalize()}: {v}." for k, v in c.tested.items()]
    if c.gate and j.findings:
        by = (
            f"{c.gate.by * c.unit[0]:g} {c.unit[1]}"
            if c.gate.value == "value"
            else f"{c.gate.by:g}"
        )
        passed = f"passed: {by} better than {c.gate.why}."
        lines.append("Gate " + (passed if j.verdict != "not testable" else "failed:"))
        lines += gate_in_words(j) if j.verdict == "not testable" else []
    if c.scope:
        lines.append(f"Here: {c.scope['here']}. There: {c.scope['there']}.")
    if stands is not None:
        lines.append(
            "With all verdicts of its chapter counted (Holm), it "
            + ("stands." if stands else "does not stand.")
        )
    return lines + [f"Stale: {reason}." for reason in j.stale]


def _row(c: Claim, j: Judgement, stands: bool | None, folder: Path) -> list[str]:
    badge = f"{{bdg-{LOOKS[j.verdict][1]}}}`{worded(j)}`"
    stale = " {bdg-light}`stale`" if j.stale else ""
    chapter = c.page.partition("-")[0]
    where = f"{{ref}}`Chapter {chapter} <claim-{c.id.lower()}>`" if c.page else ""
    lines = [f"* - {badge}{stale}", f"  - ({c.id})=", f"    **{c.id}** {c.statement}"]
    lines += ["", f"    {{cite}}`{c.source}` {where}", "  - "]
    for number, (f, words) in enumerate(zip(j.findings, effects(j), strict=True)):
        target = folder / f"{c.id}{'-' + str(number) if number else ''}.png"
        plot(f, target)
        alt = html.escape(f"Interval of {c.id}: {words}", quote=True)
        lines += [f"    {words}.", "", f"    ![{alt}](generated/{target.name})", ""]
    lines += ["    :::{dropdown} How it is judged"]
    lines += [f"    - {line}" for line in _details(j, stands)]
    return [*lines, "    :::"]


def write_page(folder: Path) -> None:
    """Write `claims-table.md` and its plots into a folder, for the scoreboard's page to include."""
    folder.mkdir(parents=True, exist_ok=True)
    every = everything()
    stands = after_holm(every)
    lines = [f"**{len(every)} claims:** {summary(every)}.", "", "```{raw} html"]
    counts = Counter(j.verdict for j in every.values())
    lines += ['<p class="verdict-filter" role="group" aria-label="Show claims by verdict">']
    buttons = [("all", len(every)), *((v, counts[v]) for v in VERDICTS if counts[v])]
    lines += [
        f'<button type="button" data-verdict="{v}" aria-pressed="{str(v == "all").lower()}">'
        f"{v} <span>{count}</span></button>"
        for v, count in buttons
    ]
    lines += ["</p>", "```", "", ":::::{list-table}", ":header-rows: 1", ":class: scoreboard"]
    lines += [":widths: 14 40 46", "", "* - Verdict", "  - What is claimed"]
    lines += ["  - Effect with its 95 % interval; plus is what was claimed"]
    for key, c in all_claims().items():
        lines += _row(c, every[key], stands.get(key), folder)
    (folder / "claims-table.md").write_text("\n".join([*lines, ":::::", ""]))
    amendments = (DATA / "amendments.md").read_text().split("\n", 2)[2]  # without its title
    (folder / "amendments.md").write_text(amendments)
