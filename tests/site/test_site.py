"""The rendered book in Chromium: offline, without errors, accessible, on a phone, in the dark.

The pages are looked at side by side: `pytest -n 2 tests/site`.
"""

import shutil
from urllib.parse import unquote, urlparse

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright

from cvbook.paths import ROOT
from cvbook.publish import chapters, site

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "google-chrome", "chrome")) if p), None)
PAGES = site.pages()
CONTENT = [p for p in PAGES if p.relative_to(site.HTML).parts[0] in ("book", "notebooks")]


# Beginnings of the code cells that scroll sideways, and how large figures are shown.
FITS = """() => [
    [...document.querySelectorAll('div.cell_input pre')]
        .filter(e => e.offsetParent && e.scrollWidth > e.clientWidth + 1)
        .map(e => e.textContent.slice(0, 60)),
    [...document.querySelectorAll('div.cell_output img')].filter(e => e.offsetParent)
        .map(e => e.clientWidth / e.naturalWidth)]"""
EVERY_PAGE = pytest.mark.parametrize("path", CONTENT, ids=lambda p: p.stem)


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.fail("Chromium is missing: on Debian and Ubuntu, sudo apt-get install chromium")
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=CHROMIUM, args=switches)
        yield b
        b.close()


def listed(part) -> set[str]:
    """Documents of a part of `_toc.yml`."""
    if isinstance(part, list):
        return set().union(*map(listed, part))
    if isinstance(part, dict):
        here = {part[key] for key in ("root", "file") if key in part}
        return here | listed([v for v in part.values() if isinstance(v, list)])
    return set()


def test_all_pages_of_the_contents_are_there_and_no_others():
    wanted = listed(yaml.safe_load((ROOT / "_toc.yml").read_text()))
    assert {p.relative_to(site.HTML).with_suffix("").as_posix() for p in CONTENT} == wanted
    for notebook in chapters.chapters():
        assert f"notebooks/{notebook.stem}" in wanted
        download = site.HTML / "_sources" / "notebooks" / notebook.name
        assert download.exists()  # behind the download button


@EVERY_PAGE
def test_no_dead_link_and_every_picture_has_alt_text(path):
    soup = BeautifulSoup(path.read_text(), "html.parser")
    links = (("a", "href"), ("img", "src"), ("script", "src"), ("link", "href"))
    found_links = [
        (e, urlparse(e.get(key) or "")) for tag, key in links for e in soup.find_all(tag)
    ]
    for element, url in found_links:
        tag = element.name
        whole = url.geturl()
        if url.scheme or url.netloc or not (url.path or url.fragment):
            harmless = url.scheme in ("", "data") or element.get("rel") == ["canonical"]
            assert tag == "a" or harmless, f"{tag} loads {whole}"
            continue
        target = (path.parent / unquote(url.path)).resolve() if url.path else path
        assert target.exists(), f"{path.name}: dead link {whole}"
        if url.fragment and target.suffix == ".html" and tag == "a":
            there = soup if target == path else BeautifulSoup(target.read_text(), "html.parser")
            found = there.find(id=unquote(url.fragment)) or there.find(attrs={"name": url.fragment})
            assert found, f"{path.name}: no anchor {whole}"
    for image in soup.select("article img, main img"):
        alt = image.get("alt", "").strip()
        said = alt and not alt.endswith((".png", ".jpg", ".jpeg"))
        assert said, f"{path.name}: {image.get('src')}"


@EVERY_PAGE
@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 390)])
def test_a_page_loads_offline_fits_and_is_accessible(browser, path, scheme, width):
    """All in one visit: loading a page of formulas and figures is what takes long."""
    size = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, color_scheme=scheme, offline=True)
    page, errors, requests = context.new_page(), [], []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: errors.append(str(e)))
    local = ("file:", "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(local) else requests.append(r.url))
    page.goto(path.as_uri())
    page.wait_for_load_state("load")
    page.wait_for_timeout(150)
    root = "document.documentElement"
    beyond = page.evaluate(f"{root}.scrollWidth - {root}.clientWidth")
    scrolling, scales = page.evaluate(FITS)
    said, asked = tuple(errors), tuple(requests)  # the checker asks for style sheets itself
    page.set_viewport_size({"width": 1280, "height": 900})
    found = Axe().run(page).response["violations"]
    context.close()
    assert not said, f"{path.stem} ({scheme}, {width}): {said[:2]}"
    assert not asked, f"{path.stem} asks the network for {asked[:2]}"
    assert beyond <= 1, f"{path.stem} is {beyond} pixels wider than a screen of {width}"
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert not serious, "\n".join(f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in serious)
    if width == 1280:
        assert not scrolling, f"{len(scrolling)} cells scroll: {scrolling[:3]}"
        # Least text is 8 points, 12 pixels of the picture: it must be at least 8 on the page.
        assert min(scales, default=1) > 0.66, f"a figure is shown at {min(scales):.0%} of its size"


CHAPTERS = [p for p in CONTENT if p.parent.name == "notebooks"]
EVERY_CHAPTER = pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)


@EVERY_CHAPTER
def test_a_chapter_opens_with_prose_and_folds_what_is_no_method(path):
    """Before its first picture a page shows prose and folded cells; a table may open it, too."""
    soup = BeautifulSoup(path.read_text(), "html.parser")
    for cell in soup.select("div.cell_input"):
        text = cell.get_text()
        folded = cell.find_parent("details") is not None
        assert "# Parameters\n" not in text[:20], "the cell that papermill injects is shown"
        if text.lstrip().startswith(('profile = "ci"', "import ", "from ")):
            assert folded, f"not folded: {text[:60]}"
    picture = soup.select_one("article div.cell_output :is(img, table)")
    before = picture.find_all_previous("div", class_="cell_input")
    own = picture.find_parent("div", class_="cell").select("div.cell_input")
    visible = [c for c in before if c not in own and not c.find_parent("details")]
    assert not visible, f"code before the first picture: {visible[-1].get_text()[:80]}"


def test_search_works_from_disk(browser):
    page = browser.new_page()
    page.goto((site.HTML / "search.html").as_uri() + "?q=perspective")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    assert "synthetic-text" in page.content() or "api/data" in page.content()


def test_formulas_glossary_and_downloads(browser):
    page = browser.new_page()
    page.goto((site.HTML / "notebooks" / f"{chapters.chapters()[0].stem}.html").as_uri())
    assert page.locator("a[href$='.ipynb']").count() >= 1
    assert page.locator(".dropdown, details, .toggle").count() >= 3  # folded solutions
    assert (ROOT / "book" / "_static" / "vendor" / "mathjax-tex-svg.js").stat().st_size > 1e6


@pytest.mark.parametrize("width", [1280, 390])
def test_the_scoreboard_shows_one_verdict_at_a_time(browser, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto((site.HTML / "book" / "claims.html").as_uri())
    rows = page.locator("table.scoreboard tbody tr")
    every = rows.count()
    assert every >= 36 and rows.first.is_visible()
    told = {}
    for button in page.locator(".verdict-filter button").all():
        verdict, count = button.get_attribute("data-verdict"), button.locator("span").inner_text()
        button.click()
        shown = [row for row in rows.all() if row.is_visible()]
        told[verdict] = len(shown)
        assert len(shown) == int(count), verdict
        assert button.get_attribute("aria-pressed") == "true"
    assert told.pop("all") == every == sum(told.values()) and len(told) >= 3
    if width == 390:  # nothing is wider than the phone
        assert page.evaluate("document.querySelector('table.scoreboard').scrollWidth") <= 390
    page.close()
