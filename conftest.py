"""nbval: compare strictly what must agree on any machine; let the last digits of numbers differ."""

import math
import re

NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?")
RELATIVE, ABSOLUTE = 0.02, 0.006


def _equal(a: str, b: str) -> bool:
    """Whether two outputs agree in their text, and in their decimals up to 2 % (or 0.006)."""
    if NUMBER.sub("#", a) != NUMBER.sub("#", b):
        return False
    pairs = zip(NUMBER.findall(a), NUMBER.findall(b), strict=True)
    return all(
        math.isclose(float(x), float(y), rel_tol=RELATIVE, abs_tol=ABSOLUTE) for x, y in pairs
    )


class Loose(str):
    """A text that equals another one whose decimal numbers differ a little."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and _equal(str(self), str(other))

    def __ne__(self, other: object) -> bool:
        return not self == other


def pytest_configure(config):
    if not config.getoption("nbval", default=False):
        return
    from nbval.plugin import IPyNbCell, IPyNbFile

    plain_sanitize, plain_setup = IPyNbCell.sanitize, IPyNbFile.setup

    def sanitize(self, text):
        clean = plain_sanitize(self, text)
        # A checks cell is compared to the letter.
        return (
            clean
            if clean.startswith(("pass ", "FAIL "))
            else Loose(clean)
            if isinstance(clean, str)
            else clean
        )

    def setup(self):
        plain_setup(self)
        # Progress bars and warnings go to stderr; pictures are tested by their data, in tests/.
        self.skip_compare = (
            *self.skip_compare,
            "stderr",
            "image/svg+xml",
            "text/html",
            "text/latex",
        )

    IPyNbCell.sanitize, IPyNbFile.setup = sanitize, setup
