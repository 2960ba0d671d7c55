"""The HTML report in a real browser."""

from __future__ import annotations

import io
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from affidavit.evidence import Header, Statement
from affidavit.report import html

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ARGUMENTS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        yield browser
        browser.close()


@pytest.fixture
def report_file(tmp_path: Path, header: Header, statements: list[Statement]) -> Path:
    path = tmp_path / "report.html"
    path.write_text(html.render(header, statements), encoding="utf-8")
    return path


@pytest.fixture
def hostile_file(
    tmp_path: Path, hostile_header: Header, hostile_statements: list[Statement]
) -> Path:
    path = tmp_path / "hostile.html"
    path.write_text(html.render(hostile_header, hostile_statements), encoding="utf-8")
    return path


class Visit:
    """A page and what happened on it."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, theme: str = "light") -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(path.as_uri())

    def open_all(self) -> None:
        self.page.eval_on_selector_all("details", "all => all.forEach(d => { d.open = true; })")

    def background(self) -> str:
        return str(self.page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_opens_alone_and_without_complaint(browser: Any, report_file: Path) -> None:
    visit = Visit(browser, report_file)
    assert visit.requests == [report_file.as_uri()]
    assert visit.complaints == []


def test_every_statement_opens_and_shows_its_figures(
    browser: Any, report_file: Path, statements: list[Statement]
) -> None:
    page = Visit(browser, report_file).page
    details = page.locator("details.statement")
    assert details.count() == len(statements)
    for index, statement in enumerate(statements):
        one = details.nth(index)
        assert not one.locator(".body").is_visible()
        one.locator("summary").first.click()
        assert one.locator(".finding").inner_text() == statement.finding
        assert one.locator(".finding").is_visible()
        for svg in one.locator("svg").all():
            box = svg.bounding_box()
            assert svg.is_visible()
            assert min(box["width"], box["height"]) > 50


def test_a_link_in_the_table_opens_its_evidence(browser: Any, report_file: Path) -> None:
    page = Visit(browser, report_file).page
    page.locator(".statements a").nth(1).click()
    page.wait_for_function("document.querySelectorAll('details.statement')[1].open")
    assert page.locator("#e2").is_visible()


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("which", ["report_file", "hostile_file"])
def test_no_sideways_scrolling(
    browser: Any, request: pytest.FixtureRequest, which: str, width: int
) -> None:
    visit = Visit(browser, request.getfixturevalue(which), width)
    visit.open_all()
    root = "document.documentElement"
    assert visit.page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")


def test_themes(browser: Any, report_file: Path) -> None:
    light, dark = (Visit(browser, report_file, theme=theme) for theme in ("light", "dark"))
    assert light.background() == "rgb(255, 255, 255)"
    assert dark.background() != light.background()
    dark.page.emulate_media(media="print", color_scheme="dark")
    assert dark.background() == "rgb(255, 255, 255)"


def test_hostile_text_executes_nothing(browser: Any, hostile_file: Path) -> None:
    visit = Visit(browser, hostile_file)
    visit.open_all()
    assert visit.page.title() != "pwned"
    assert visit.page.locator("img, script:not(head > script)").count() == 0
    assert visit.requests == [hostile_file.as_uri()]
    assert visit.complaints == []


def test_foreign_script_would_be_refused(browser: Any, report_file: Path) -> None:
    document = report_file.read_text(encoding="utf-8")
    attack = "<script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">"
    report_file.write_text(document.replace("</main>", attack + "</main>"), encoding="utf-8")
    visit = Visit(browser, report_file)
    assert visit.page.title() != "pwned"
    assert any("Content Security Policy" in text for text in visit.complaints)


def test_on_paper_everything_shows(
    browser: Any, report_file: Path, statements: list[Statement]
) -> None:
    page = Visit(browser, report_file).page
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 657, "height": 900})  # an A4 page between its margins
    for index in range(len(statements)):
        assert page.locator(".finding").nth(index).bounding_box()["height"] > 5
    assert page.evaluate("document.documentElement.scrollWidth") <= 657
    assert not page.evaluate("document.querySelector('details.statement').open")


def test_pdf_holds_every_finding(
    browser: Any, report_file: Path, statements: list[Statement]
) -> None:
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    content = Visit(browser, report_file).page.pdf(prefer_css_page_size=True)
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    width, height = pages[0].mediabox[2:]
    assert (round(width / 72 * 25.4), round(height / 72 * 25.4)) == (210, 297)
    # Fonts join letters: "fi" may come back as one character.
    raw = unicodedata.normalize("NFKC", "".join(page.extract_text() for page in pages))
    text = "".join(raw.split())
    for statement in statements:
        assert "".join(statement.finding.split()) in text
        assert statement.model_sha256 in text


def test_screenshot_is_not_blank(browser: Any, report_file: Path, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    visit = Visit(browser, report_file)
    visit.open_all()
    visit.page.screenshot(path=tmp_path / "report.png", full_page=True)
    with image.open(tmp_path / "report.png") as picture:
        colours = picture.convert("RGB").getcolors(maxcolors=1 << 20)
        assert picture.height > 900
    assert len(colours) > 100
