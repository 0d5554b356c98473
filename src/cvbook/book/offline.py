"""A Sphinx extension that keeps the built book free of requests: no scripts, fonts or styles from elsewhere."""

from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Switch off sphinx-thebe, which loads scripts from a content network on each page and throws when the theme loads it twice."""
    for name in ("config-inited", "builder-inited", "html-page-context"):
        for listener in list(app.events.listeners[name]):
            if listener.handler.__module__.startswith("sphinx_thebe"):
                app.disconnect(listener.id)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
