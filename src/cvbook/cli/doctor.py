"""What the book needs besides Python packages: named in `apt.txt`, checked here."""

import importlib.util
import shutil

from cvbook.paths import ROOT

# Debian package -> programs, of which it brings one. Packages without a program are not listed:
# their absence shows when a library is loaded.
PROGRAMS = {
    "chromium": ("chromium", "google-chrome", "chrome"),
    "tesseract-ocr": ("tesseract",),
    "git": ("git",),
    "make": ("make",),
}
PURPOSE = {
    "chromium": "the tests of the rendered book",
    "tesseract-ocr": "the comparison in chapter 12",
    "git": "provenance of evidence",
    "make": "the two commands",
}
MODULES = ("torch", "cv2", "PIL", "papermill", "nbval", "jupyter_book", "snakemake", "bpy", "anny")


def apt_packages() -> list[str]:
    """Debian packages of `apt.txt`."""
    lines = (ROOT / "apt.txt").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def problems() -> list[str]:
    """What is missing, one sentence each, with what to do."""
    found = []
    for package, programs in PROGRAMS.items():
        if not any(shutil.which(p) for p in programs):
            found.append(
                f"{programs[0]} is missing ({PURPOSE[package]}): on Debian and Ubuntu,"
                f" sudo apt-get install {' '.join(apt_packages())}"
            )
    for module in MODULES:
        if importlib.util.find_spec(module) is None:
            found.append(f"The Python package {module} is missing: run `make setup`.")
    return found
