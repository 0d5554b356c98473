"""No number of the evidence is typed in prose: the run prints it, so that another run moves it."""

import json
import re

import numpy as np
import pytest

from cvbook.book import claims, registry, verdicts
from cvbook.publish import chapters

DECIMAL = re.compile(r"(?<![\d.])\d+\.\d+(?![\d.])")
CODE = re.compile(r"```.*?```|`[^`]*`|\$[^$]*\$", re.DOTALL)
# Published by others, and equal to a value of ours by chance.
PUBLISHED = {("09b-reid", "70.4")}


def evidence_numbers(page: str) -> set[str]:
    """Values of a chapter's evidence as prose might write them, in the claim's unit and its own."""
    numbers = set()
    for key, c in registry.all_claims().items():
        if c.page != page:
            continue
        arms: dict[str, list[float]] = {}
        for row in claims.evidence(key):
            arms.setdefault(row["arm"], []).append(row["value"])
        found = [v for values in arms.values() for v in (*values, float(np.mean(values)))]
        for f in verdicts.judge(key).findings:
            found += [f.interval.mean, f.interval.low, f.interval.high]
        scaled = [abs(v) * factor for v in found for factor in (1, c.unit[0])]
        numbers |= {f"{v:.{digits}f}" for v in scaled for digits in (1, 2, 3, 4)}
    return numbers


def typed(text: str, numbers: set[str]) -> set[str]:
    """Decimals of a text with two figures or more that are among numbers."""
    found = set(DECIMAL.findall(CODE.sub("", text))) & numbers
    return {n for n in found if len(n.replace(".", "").strip("0")) > 1}


@pytest.mark.parametrize("notebook", chapters.chapters(), ids=lambda p: p.stem)
def test_prose_types_no_value_of_the_evidence(notebook):
    numbers = evidence_numbers(notebook.stem)
    cells = json.loads(notebook.read_text())["cells"]
    prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert {n for n in typed(prose, numbers) if (notebook.stem, n) not in PUBLISHED} == set()


def test_what_counts_as_typed():
    numbers = {"0.52", "2.6", "1.0", "0.4"}
    assert typed("a gain of 2.6 points, from 0.52", numbers) == {"2.6", "0.52"}
    assert typed("version 2.6.1, `2.6`, $0.52$, 12.6, weight 0.4, 1.0", numbers) == set()


def test_values_and_effects_of_a_chapter_are_known():
    numbers = evidence_numbers("08-metric-learning")
    (found,) = verdicts.judge("C7").findings
    assert f"{100 * found.interval.mean:.1f}" in numbers
    row = claims.evidence("C7")[0]
    assert f"{row['value']:.3f}" in numbers and f"{100 * row['value']:.2f}" in numbers
    assert evidence_numbers("02-synthetic-text") == set()
