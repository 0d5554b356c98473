"""The rendered book in headless Chromium: offline, without errors, accessible, readable on a phone and in the dark."""

import shutil
from urllib.parse import unquote, urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright

from cvbook.paths import ROOT
from cvbook.publish import chapters, site

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "google-chrome", "chrome")) if p), None)
PAGES = site.pages()
CONTENT = [p for p in PAGES if p.relative_to(site.HTML).parts[0] in ("book", "notebooks")]


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.fail("Chromium is missing: on Debian and Ubuntu, sudo apt-get install chromium")
    with sync_playwright() as p:
        b = p.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield b
        b.close()


def test_all_pages_are_there():
    assert len(CONTENT) >= 9
    for notebook in chapters.chapters():
        assert site.HTML / "notebooks" / f"{notebook.stem}.html" in PAGES
        assert (
            site.HTML / "_sources" / "notebooks" / notebook.name
        ).exists()  # behind the download button


@pytest.mark.parametrize("page", CONTENT, ids=lambda p: p.stem)
def test_no_dead_link_and_every_picture_has_alt_text(page):
    soup = BeautifulSoup(page.read_text(), "html.parser")
    for tag, attribute in (("a", "href"), ("img", "src"), ("script", "src"), ("link", "href")):
        for element in soup.find_all(tag):
            url = urlparse(element.get(attribute) or "")
            if url.scheme or url.netloc or not (url.path or url.fragment):
                assert (
                    tag == "a" or url.scheme in ("", "data") or element.get("rel") == ["canonical"]
                ), f"{tag} loads {url.geturl()}"
                continue
            target = (page.parent / unquote(url.path)).resolve() if url.path else page
            assert target.exists(), f"{page.name}: dead link {url.geturl()}"
            if url.fragment and target.suffix == ".html" and tag == "a":
                there = soup if target == page else BeautifulSoup(target.read_text(), "html.parser")
                assert there.find(id=unquote(url.fragment)) or there.find(
                    attrs={"name": url.fragment}
                ), f"{page.name}: no anchor {url.geturl()}"
    for image in soup.select("article img, main img"):
        assert image.get("alt", "").strip() and not image["alt"].endswith(
            (".png", ".jpg", ".jpeg")
        ), f"{page.name}: {image.get('src')}"


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 390)])
def test_pages_load_offline_without_errors_and_fit(browser, scheme, width):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    for path in CONTENT:
        page, errors, requests = context.new_page(), [], []
        page.on(
            "console", lambda m, errors=errors: errors.append(m.text) if m.type == "error" else None
        )
        page.on("pageerror", lambda e, errors=errors: errors.append(str(e)))
        page.on(
            "request",
            lambda r, requests=requests: (
                requests.append(r.url)
                if not r.url.startswith(("file:", "data:", "blob:"))
                else None
            ),
        )
        page.goto(path.as_uri())
        page.wait_for_load_state("load")
        page.wait_for_timeout(150)
        assert not errors, f"{path.stem} ({scheme}, {width}): {errors[:2]}"
        assert not requests, f"{path.stem} asks the network for {requests[:2]}"
        beyond = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert beyond <= 1, f"{path.stem} is {beyond} pixels wider than a screen of {width}"
        page.close()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(browser, scheme):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    wrong = []
    for path in CONTENT:
        page = context.new_page()
        page.goto(path.as_uri())
        page.wait_for_timeout(150)
        found = Axe().run(page)
        wrong += [
            f"{path.stem}: {v['id']}: {v['nodes'][0]['html'][:160]}"
            for v in found.response["violations"]
            if v["impact"] in ("serious", "critical")
        ]
        page.close()
    context.close()
    assert not wrong, "\n".join(wrong)


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
