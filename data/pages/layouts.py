"""The layouts of the unseen pages, as HTML and CSS for WeasyPrint; a page's text fills one."""

from collections.abc import Callable
from html import escape

# Page in millimetres, then what its layout adds.
STYLE = """
@font-face {{ font-family: page; src: url(file://{font}) }}
@page {{ size: {width}mm {height}mm; margin: {margin}mm }}
body {{ font: {points}pt/{leading} page; margin: 0; hyphens: manual }}
p {{ margin: 0 0 0.5em }}
h1 {{ font-size: 160%; font-weight: normal; line-height: 1.15; margin: 0 0 0.5em }}
.letter p {{ text-indent: 1.5em; text-align: justify }}
.letter .head {{ margin-left: 55%; text-indent: 0; text-align: left }}
.columns {{ columns: 2; column-gap: 6mm }}
table {{ border-collapse: collapse; width: 100% }}
td {{ border: 0.3mm solid black; padding: 0.8mm 1.5mm; vertical-align: top }}
td.label {{ width: 28% }}
.notice {{ text-align: center }}
p.item {{ padding-left: 2.2em; text-indent: -2.2em }}
"""


def _first(text: str, most: int) -> str:
    """The first words of a passage."""
    words = text.split()
    while len(" ".join(words)) > most:
        words.pop()
    return " ".join(words).rstrip(",;:.(")


def _paragraphs(passages: list[str]) -> str:
    return "".join(f"<p>{escape(p)}</p>" for p in passages)


def letter(passages: list[str]) -> str:
    """A block at the upper right, then justified paragraphs."""
    return f'<p class="head">{escape(_first(passages[0], 60))}</p>' + _paragraphs(passages[1:])


def columns(passages: list[str]) -> str:
    """Running text in two columns."""
    return _paragraphs(passages)


def form(passages: list[str]) -> str:
    """A ruled table: a number and a few words, then a passage."""
    pairs = list(zip(passages[::2], passages[1::2], strict=False))
    rows = [
        f'<tr><td>{n}</td><td class="label">{escape(_first(a, 40))}</td><td>{escape(b)}</td></tr>'
        for n, (a, b) in enumerate(pairs, 1)
    ]
    return f"<table>{''.join(rows)}</table>"


def article(passages: list[str]) -> str:
    """A headline in large letters, then paragraphs: ragged, or centred for a notice."""
    return f"<h1>{escape(_first(passages[0], 50))}</h1>" + _paragraphs(passages[1:])


def items(passages: list[str]) -> str:
    """A numbered list."""
    return "".join(f'<p class="item">{n}. {escape(p)}</p>' for n, p in enumerate(passages, 1))


LAYOUTS: dict[str, Callable[[list[str]], str]] = {
    "letter": letter,
    "columns": columns,
    "form": form,
    "article": article,
    "list": items,
    "notice": article,
}
