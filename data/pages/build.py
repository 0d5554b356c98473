"""Make the unseen pages of this folder: other people's texts, fonts, layout code and wear.

    python3.11 -m venv aug
    aug/bin/pip install augraphy==8.2.6 weasyprint==70.0 pypdfium2==5.15.2 numpy==2.4.6 \
        opencv-python==5.0.0.93 pillow==13.0.0 numba==0.68.1
    aug/bin/python data/pages/build.py FOLDER

FOLDER holds, unpacked (`apt-get download NAME`, `dpkg-deb -x FILE FOLDER`), Debian 12's packages
dict-devil, debian-handbook, developers-reference, developers-reference-ru, gnome-user-docs and
wesnoth-1.16-data with the texts, and with the fonts fonts-cantarell, fonts-cmu, fonts-dejavu-core,
fonts-lato, fonts-linuxlibertine, fonts-oldstandard, fonts-sil-andika, fonts-sil-charis and
fonts-urw-base35.

One page for each source and layout. WeasyPrint sets it, and its line boxes are the truth. The
default pipeline of Augraphy, as its authors tuned it, prints, copies, soils and scans it. A page is
drawn again with another seed where the pipeline would mirror it or add text that the truth has not
(a watermark, scribbles, a facing page). No page was rejected for its looks, and no reader was
asked.
"""

import gettext
import gzip
import html
import io
import json
import random
import re
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

import augraphy
import cv2
import numba
import numpy as np
import pypdfium2
import weasyprint
from layouts import LAYOUTS, STYLE

HERE = Path(__file__).parent
SEED, QUALITY, WIDEST = 2026, 60, 1200
DPI = (150, 170, 190)
FONTS = {  # none of them, nor a twin in other clothes, is among data/fonts
    "Andika": "Andika-Regular.ttf",
    "C059": "C059-Roman.otf",
    "CMU Serif": "cmunrm.ttf",
    "CMU Typewriter Text": "cmuntt.ttf",
    "Cantarell": "Cantarell-Regular.otf",
    "Charis SIL": "CharisSIL-Regular.ttf",
    "DejaVu Sans": "DejaVuSans.ttf",
    "DejaVu Serif": "DejaVuSerif.ttf",
    "Lato": "Lato-Regular.ttf",
    "Linux Biolinum": "LinBiolinum_R.otf",
    "Linux Libertine": "LinLibertine_R.otf",
    "Old Standard": "OldStandard-Regular.ttf",
    "P052": "P052-Roman.otf",
    "URW Bookman": "URWBookman-Light.otf",
}
SOURCES = {
    "en": {
        "dict-devil": "public domain",
        "developers-reference": "GPL-2.0-or-later",
        "debian-handbook": "GPL-2.0-or-later or CC-BY-SA-3.0",
        "gnome-user-docs": "CC-BY-SA-3.0",
    },
    "ru": {
        "wesnoth-1.16-data": "GPL-2.0-or-later",
        "developers-reference-ru": "GPL-2.0-or-later",
        "debian-handbook": "GPL-2.0-or-later or CC-BY-SA-3.0",
        "gnome-user-docs": "CC-BY-SA-3.0",
    },
}
# Paragraphs with anything else, such as arrows and Greek, are left out.
KNOWN = re.compile(r"[ -~А-яЁё«»„“”‘’–—…№]+")
UNFIT = ("Geometric", "BookBinding", "WaterMark", "Scribbles")  # mirror, or add text of their own


def plain(text: str) -> str:
    """A passage without mark-up, its white space as single spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split())


def found_in(files: list[Path], pattern: str) -> list[str]:
    """All groups of a pattern in files."""
    find = re.compile(pattern, re.DOTALL)
    return [p for file in sorted(files) for p in find.findall(file.read_text())]


def passages(folder: Path, package: str, language: str) -> list[str]:
    """All paragraphs of a source that are in its language, in its order."""
    share, ru = folder / "usr/share", language == "ru"
    if package == "dict-devil":
        text = gzip.decompress((share / "dictd/devil.dict.dz").read_bytes()).decode("latin-1")
        found = [p for p in text.split("\n\n") if re.match(r"[A-Z]{3,}, ", p)]
    elif package.startswith("developers-reference"):
        pages = share / "developers-reference" / ("ru" if ru else "")
        names = [p for p in pages.glob("*.html") if p.stem != "developers-reference"]
        found = found_in(names, r"<p>(.*?)</p>")
    elif package == "debian-handbook":
        pages = share / "doc/debian-handbook/html" / ("ru-RU" if ru else "en-US")
        found = found_in(list(pages.glob("*.html")), r'<div class="para">(.*?)</div>')
    elif package == "gnome-user-docs":
        pages = share / "help" / ("ru" if ru else "C") / "gnome-help"
        found = found_in(list(pages.glob("*.page")), r"<p>(.*?)</p>")
    else:
        catalogue = share / "games/wesnoth/1.16/locale/ru/LC_MESSAGES/wesnoth-units.mo"
        with catalogue.open("rb") as file:
            found = [str(p) for p in gettext.GNUTranslations(file)._catalog.values()]
    clean = dict.fromkeys(plain(p) for p in found)
    return [
        p
        for p in clean
        if len(p) > 60 and KNOWN.fullmatch(p) and ru == (len(re.findall("[А-яЁё]", p)) > len(p) / 2)
    ]


def cut(given: list[str], most: int) -> list[str]:
    """Passages up to a number of characters; the last one is cut at a word."""
    kept: list[str] = []
    for p in given:
        words = p.split()
        while words and sum(map(len, kept)) + len(" ".join(words)) > most:
            words.pop()
        kept += [" ".join(words)] if words else []
        if len(words) < len(p.split()):
            break
    return kept


def typeset(given: list[str], layout: str, looks: dict) -> tuple[np.ndarray, list[str]]:
    """A page, uint8[H, W, 3], as full as can be, and its lines of text as they were set."""
    for most in range(2600, 0, -100):
        body = LAYOUTS[layout](cut(given, most))
        style = STYLE.format(**looks)
        page = f'<style>{style}</style><body class="{layout}"><div>{body}</div></body>'
        document = weasyprint.HTML(string=page).render()
        if len(document.pages) == 1:
            break
    boxes = document.pages[0]._page_box.descendants()
    lines = [
        " ".join("".join(b.text for b in line.descendants() if hasattr(b, "text")).split())
        for line in boxes
        if type(line).__name__ == "LineBox"
    ]
    pdf = pypdfium2.PdfDocument(io.BytesIO(document.write_pdf()))
    return pdf[0].render(scale=looks["dpi"] / 72).to_numpy()[..., :3], [s for s in lines if s]


class Unfit(Exception):
    """The pipeline is about to mirror a page or to add text to it."""


def _refused(self, *given, force: bool = False, **more) -> None:  # as an augmentation is called
    if force or self.should_run():
        raise Unfit


def plant(seed: int) -> None:
    """Seed all generators that Augraphy draws from."""

    @numba.njit
    def compiled(number: int) -> None:
        random.seed(number)
        np.random.seed(number)  # noqa: NPY002

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    cv2.setRNGSeed(seed)
    compiled(seed)


def worn(page: np.ndarray, seed: int) -> tuple[np.ndarray, int]:
    """A page after Augraphy's default pipeline, and the seed that it was drawn with."""
    for name in UNFIT:
        getattr(augraphy, name).__call__ = _refused
    while True:
        plant(seed)
        # Augraphy keeps pages in its working folder, and lets older ones shine through.
        with tempfile.TemporaryDirectory() as folder, chdir(folder):
            try:
                return augraphy.default_augraphy_pipeline().augment(page.copy())["output"], seed
            except Unfit:
                seed += 1000


def main(folder: Path) -> None:
    """Write all pages and their table."""
    numba.set_num_threads(1)
    cv2.setNumThreads(1)
    files = {name: next(folder.rglob(file)).resolve() for name, file in FONTS.items()}
    rng, rows = random.Random(SEED), []
    for language, sources in SOURCES.items():
        for package, licence in sources.items():
            every = passages(folder, package, language)
            starts = rng.sample(range(len(every) // 40), len(LAYOUTS))
            for layout, start in zip(LAYOUTS, starts, strict=True):
                font = rng.choice(sorted(files))
                looks = {
                    "font": files[font],
                    "width": rng.randint(120, 140),
                    "height": rng.randint(105, 125),
                    "margin": rng.randint(8, 12),
                    "points": rng.choice((9.5, 10, 10.5, 11)),
                    "leading": rng.choice((1.2, 1.3, 1.4)),
                    "dpi": rng.choice(DPI),
                }
                page, lines = typeset(every[40 * start :], layout, looks)
                image, seed = worn(page, SEED + len(rows))
                grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
                if grey.shape[1] > WIDEST:
                    size = WIDEST, round(grey.shape[0] * WIDEST / grey.shape[1])
                    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
                name = f"{language}-{package.split('-')[0]}-{layout}.jpg"
                quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
                cv2.imwrite(str(HERE / name), grey, quality)
                rows.append(
                    {
                        "file": name,
                        "title": f"{package}, {layout}",
                        "language": language,
                        "source": f"Debian 12, {package}",
                        "licence": licence,
                        "lines": lines,
                        "layout": layout,
                        "font": font,
                        "points": looks["points"],
                        "dpi": looks["dpi"],
                        "seed": seed,
                    }
                )
                print(name, grey.shape, font, seed, sum(map(len, lines)), flush=True)
    text = json.dumps(rows, ensure_ascii=False, indent=1)
    (HERE / "pages.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
