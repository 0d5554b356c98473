"""A Sphinx extension: pages that open from disk without a request or an error.

It also names for screen readers what the theme leaves without a name.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

# What the theme's templates write, and what it should be.
REPAIRS = (
    # Without a default the theme's script reports an invalid one in the console on the first visit.
    (
        re.compile(r'localStorage.getItem\("mode"\) \|\| ""'),
        'localStorage.getItem("mode") || "auto"',
    ),
    # A page opened from disk may not preload fonts (the browser sees another origin) and says so in
    # the console; the style sheet loads them anyway.
    (re.compile(r'<link rel="preload" as="font"[^>]*>'), ""),
    # The arrows that unfold a part of the contents have no name for a screen reader.
    (
        re.compile(r"<summary>(?=<span class=\"toctree-toggle\")"),
        '<summary aria-label="Unfold this part of the contents">',
    ),
    # A list of citations whose entries are not list items.
    (re.compile(r'<div role="list" class="citation-list">'), '<div class="citation-list">'),
)
# Two megabytes that only pages with formulas need.
MATHJAX = re.compile(r"<script[^>]*mathjax-tex-svg[^>]*></script>")


def repair(app: Sphinx, exception: Exception | None) -> None:
    """Apply the repairs to every page."""
    if exception or app.builder.name != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        better = text
        for pattern, instead in REPAIRS:
            better = pattern.sub(instead, better)
        if 'class="math' not in better:
            better = MATHJAX.sub("", better)
        if better != text:
            page.write_text(better, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Repair pages when they are done, and switch off sphinx-thebe.

    That would load scripts from a content network on each page.
    """
    app.connect("build-finished", repair)
    for name in ("env-before-read-docs", "doctree-resolved"):
        for listener in list(app.events.listeners[name]):
            if listener.handler.__module__.startswith("sphinx_thebe"):
                app.disconnect(listener.id)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
