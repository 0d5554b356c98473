"""The task card: questions that a team and a manager answer before work begins.

It is a form, a YAML file and a page to sign.
"""

import html
from pathlib import Path

import yaml

from cvbook.files import write_text

# key: (what is asked, why it is asked)
QUESTIONS = {
    "product": (
        "What does the product do with the answer, and who feels an error?",
        "An error that nobody feels needs no model.",
    ),
    "input": (
        "Where do the pictures come from: camera, place, season, compression?",
        "The test set must come from there too.",
    ),
    "output": (
        "What exactly is the answer, in which unit, and when may the system stay silent?",
        "A model that must answer guesses.",
    ),
    "edge": (
        "Which pictures are the hard ones? Paste ten.",
        "Words mean different things to two people; pictures less so.",
    ),
    "labels": (
        "Who labels, by which rules, and how far do two labellers agree?",
        "No model can be shown to be better than its labels.",
    ),
    "slices": (
        "Which groups and situations are reported apart, and how many cases has each?",
        "A good average hides a bad group.",
    ),
    "metric": (
        "Which metric decides, and which value is good enough to ship?",
        "Agreed afterwards, it is always reached.",
    ),
    "baseline": (
        "What does the product do without a model, and how well?",
        "That is what the model is compared with.",
    ),
    "costs": ("What does a false alarm cost, and what a miss?", "The threshold follows from it."),
    "limits": (
        "How fast, on which machine, in how much memory?",
        "A model that does not fit does not ship.",
    ),
    "hold-out": (
        "Who holds the sealed test set, which is its seal, and how many looks are there?",
        "What is looked at often is overfitted.",
    ),
    "privacy": (
        "Whose faces or data are these, who has agreed, and when are they deleted?",
        "Ask before, not after.",
    ),
    "monitoring": ("How will you notice that the pictures have changed?", "They will."),
}


def save(answers: dict[str, str], path: str | Path) -> Path:
    """Write answers as YAML, in the order of the questions.

    Raises:
        ValueError: a key that is no question.
    """
    unknown = answers.keys() - QUESTIONS.keys()
    if unknown:
        raise ValueError(
            f"Not on the checklist: {', '.join(sorted(unknown))}. "
            f"The questions are {', '.join(QUESTIONS)}."
        )
    path = Path(path)
    full = {key: str(answers.get(key, "")) for key in QUESTIONS}
    write_text(path, yaml.safe_dump(full, sort_keys=False, allow_unicode=True, width=100))
    return path


def load(path: str | Path) -> dict[str, str]:
    """Read answers; raises ValueError if the file is no task card."""
    try:
        answers = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError):  # not UTF-8 is a ValueError, too
        answers = None
    if not isinstance(answers, dict) or not answers.keys() <= QUESTIONS.keys():
        raise ValueError(
            f"{path} is not a task card: it must map {', '.join(QUESTIONS)} to answers."
        )
    return answers


def open_questions(answers: dict[str, str]) -> list[str]:
    """Keys without an answer, in order."""
    return [k for k in QUESTIONS if not str(answers.get(k, "")).strip()]


def render(answers: dict[str, str], title: str) -> str:
    """The card as a page of HTML to print and sign; unanswered questions stand out."""
    rows = ""
    for key, (ask, _) in QUESTIONS.items():
        answer = html.escape(str(answers.get(key, ""))).strip()
        answer = answer or "<strong>Not answered.</strong>"
        rows += f"<tr><th scope=row>{html.escape(ask)}</th><td>{answer}</td></tr>"
    left = open_questions(answers)
    state = "<p>All questions are answered.</p>"
    if left:
        open_ = f"{len(left)} of {len(QUESTIONS)} questions are open."
        state = f"<p><strong>{open_}</strong> Do not begin.</p>"
    line = 20 * "_"
    return (
        f"<div class='task-card'><p><strong>Task card: {html.escape(title)}</strong></p>{state}"
        f"<table>{rows}</table><p>Agreed: product {line} &nbsp; engineering {line} &nbsp; "
        f"date {12 * '_'}</p></div>"
    )


def form(path: str | Path):
    """The checklist as a form for a notebook: a text area a question, and a button that saves.

    Args:
        path: where the answers are saved; those that are there already are filled in.
    """
    import ipywidgets as widgets

    before = load(path) if Path(path).exists() else {}
    areas = {}
    rows = []
    for key, (ask, why) in QUESTIONS.items():
        layout = widgets.Layout(width="95%", height="3.5em")
        areas[key] = widgets.Textarea(before.get(key, ""), placeholder=why, layout=layout)
        rows += [widgets.HTML(f"<b>{html.escape(ask)}</b>"), areas[key]]
    button, said = widgets.Button(description="Save", button_style="primary"), widgets.HTML()

    def click(_) -> None:
        answers = {key: area.value for key, area in areas.items()}
        save(answers, path)
        left = open_questions(answers)
        rest = f"Open: {', '.join(left)}." if left else "Nothing is open."
        said.value = f"Saved to {html.escape(str(path))}. {rest}"

    button.on_click(click)
    return widgets.VBox([*rows, button, said])
