"""The interactive map: what the page holds, and what it does in a real browser."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affidavit import regions
from affidavit.errors import DomainError
from affidavit.regions.feature_weights import ranked
from affidavit.regions.pictures import interactive_map
from affidavit.regions.pictures.weights import decisions, weights

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
HOSTILE = "</script><script>document.title='pwned'</script><img src=x onerror=alert(1)>\u202e\ud800"


def content(page: str) -> dict[str, Any]:
    """The data that a page carries."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    found: dict[str, Any] = json.loads(text)
    return found


def array(data: dict[str, Any], name: str) -> np.ndarray:
    packed = data["arrays"][name]
    return np.frombuffer(base64.b64decode(packed["data"]), packed["type"])


def test_the_page_carries_every_region(square: regions.Partition) -> None:
    data = content(interactive_map(square))
    assert data["regions"] == len(square)
    np.testing.assert_array_equal(array(data, "decision"), decisions(square))
    total = square.volumes.sum()
    np.testing.assert_allclose(array(data, "share"), square.volumes / total, rtol=1e-6)
    slopes = array(data, "slope").reshape(2, -1).T
    found = weights(square, None)
    np.testing.assert_allclose(slopes * data["widths"], found, rtol=1e-5)
    np.testing.assert_array_equal(array(data, "rank").reshape(2, -1).T, ranked(found))
    assert set(array(data, "region")) == set(range(len(square)))


def test_pieces_of_the_page_lie_in_their_regions(square: regions.Partition) -> None:
    data = content(interactive_map(square))
    points = array(data, "point").reshape(-1, 2)
    ends = np.cumsum(array(data, "size"))
    corners = np.split(array(data, "vertex"), ends[:-1])
    middles = np.array([points[corner].mean(0) for corner in corners])
    wide = square.radii[array(data, "region")] > 1e-4
    np.testing.assert_array_equal(square.locate(middles)[wide], array(data, "region")[wide])


def test_only_features_of_large_weight_travel(slice_: regions.Partition) -> None:
    few = content(interactive_map(slice_, names=list("abcde")))
    assert few["features"] == ["b", "d"]  # the others are held fixed
    all_ = content(interactive_map(slice_, names=list("abcde"), ranges=([-1] * 5, [1] * 5)))
    assert all_["features"] == list("abcde")
    assert all_["axes"] == ["d", "b"]


def test_an_output_that_does_not_exist_is_told(square: regions.Partition) -> None:
    with pytest.raises(DomainError, match="output 3: the network has the outputs 0 to 2"):
        interactive_map(square, output=3)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
            ],
        )
        yield browser
        browser.close()


class Visit:
    """A page with a map, and what happened on it."""

    def __init__(self, browser: Any, folder: Path, text: str, theme: str = "light") -> None:
        self.path = folder / "map.html"
        self.path.write_text(text, encoding="utf-8")
        self.page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=theme)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(self.path.as_uri())
        self.sharp()
        self.box = self.page.locator("#map").bounding_box()

    def sharp(self) -> None:
        self.page.wait_for_selector("#map[data-state=sharp]")

    def at(self, share: np.ndarray) -> tuple[float, float]:
        """Where on the page a place of the whole map is, given in shares of its width and height.

        The margins of the axes are 58, 8, 40 and 8 pixels.
        """
        width, height = self.box["width"] - 66, self.box["height"] - 48
        x = self.box["x"] + 58 + share[0] * width
        return x, self.box["y"] + 8 + (1 - share[1]) * height

    def region(self) -> int:
        return int(self.page.locator("#details").get_attribute("data-region"))

    def shot(self) -> bytes:
        found: bytes = self.page.locator("#map").screenshot()
        return found


pytest_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path"),
]


def in_browser(test: Any) -> Any:
    for mark in pytest_browser:
        test = mark(test)
    return test


@in_browser
def test_pointing_at_a_region_tells_it(
    browser: Any, tmp_path: Path, square: regions.Partition
) -> None:
    visit = Visit(browser, tmp_path, interactive_map(square, names=["speed", "age"]))
    assert visit.requests == [visit.path.as_uri()]
    chosen = np.flatnonzero(square.radii > 0.02)
    for region in chosen[:12]:
        visit.page.mouse.move(*visit.at((square.centers[region] + 1) / 2))
        visit.page.wait_for_selector(f"#details[data-region='{region}']")
        text = visit.page.locator("#details").inner_text()
        assert f"class {decisions(square)[region]}" in text
        assert "speed" in text
        # As many constraints as the region has sides.
        assert visit.page.locator("#details li").count() == len(square[region].halfspaces[1])
    assert visit.complaints == []


@in_browser
def test_a_click_pins_and_the_keyboard_does_all_of_it(
    browser: Any, tmp_path: Path, square: regions.Partition
) -> None:
    visit = Visit(browser, tmp_path, interactive_map(square))
    page = visit.page
    region = int(np.argmax(square.radii))
    page.mouse.click(*visit.at((square.centers[region] + 1) / 2))
    page.mouse.move(*visit.at(np.array([0.01, 0.01])))
    assert page.locator("#details.pinned").count() == 1
    assert visit.region() == region
    assert f"Region {region}" in page.locator("#spoken").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#details.pinned").count() == 0
    before = visit.shot()
    page.locator("#map").focus()
    for key in ("+", "+", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    visit.sharp()
    assert visit.shot() != before
    # Two steps in leave 0.64 of the width: the middle moved by 0.064 to the left and up.
    middle = np.array([0.5 - 0.064, 0.5 + 0.064])
    place = square.frame.to_user((2 * middle - 1)[None])
    page.keyboard.press("Enter")
    assert visit.region() == int(square.locate(place)[0])
    assert page.locator("#details.pinned").count() == 1
    assert visit.complaints == []


@in_browser
def test_wheel_and_drag_move_the_map(
    browser: Any, tmp_path: Path, square: regions.Partition
) -> None:
    visit = Visit(browser, tmp_path, interactive_map(square))
    page, share = visit.page, np.array([0.4, 0.6])
    region = int(square.locate(square.frame.to_user((2 * share - 1)[None]))[0])
    page.mouse.move(*visit.at(share))
    page.mouse.wheel(0, -400)
    page.mouse.wheel(0, -400)
    visit.sharp()
    # The place under the pointer stays where it is, and goes along when dragged.
    x, y = visit.at(share)
    page.mouse.move(x + 1, y)
    assert visit.region() == region
    page.mouse.down()
    page.mouse.move(x + 201, y + 50, steps=4)
    page.mouse.up()
    page.mouse.move(x + 200, y + 50)
    assert visit.region() == region
    assert visit.complaints == []


@in_browser
def test_colourings_are_searched_for(
    browser: Any, tmp_path: Path, square: regions.Partition
) -> None:
    visit = Visit(browser, tmp_path, interactive_map(square, names=["speed", "age"]))
    page, shots = visit.page, []
    for wanted in ("decision", "rank of speed", "weight of age"):
        page.fill("#colouring", wanted)
        page.locator("#colouring").press("Enter")
        visit.sharp()
        shots.append(visit.shot())
    assert len(set(shots)) == 3
    page.fill("#colouring", "rank of sp")
    page.locator("#colouring").press("Enter")
    assert page.locator("#colouring").input_value() == "rank of speed"
    page.fill("#colouring", "colour")
    page.locator("#colouring").press("Enter")
    assert "no such colouring" in page.locator("#complaint").inner_text()
    page.fill("#number", str(len(square)))
    page.locator("#number").press("Enter")
    assert "Regions are numbered from 0" in page.locator("#complaint").inner_text()
    page.fill("#number", "7")
    page.locator("#number").press("Enter")
    assert visit.region() == 7


@in_browser
def test_the_table_shows_the_largest_regions(
    browser: Any, tmp_path: Path, square: regions.Partition
) -> None:
    visit = Visit(browser, tmp_path, interactive_map(square))
    buttons = visit.page.locator("button[data-region]")
    assert buttons.count() == 20
    buttons.first.click()
    assert visit.region() == int(np.argmax(square.volumes))


@in_browser
def test_themes_and_narrow_windows(browser: Any, tmp_path: Path, square: regions.Partition) -> None:
    text, colours = interactive_map(square), {}
    for theme in ("light", "dark"):
        visit = Visit(browser, tmp_path, text, theme)
        colours[theme] = visit.page.evaluate(
            "() => getComputedStyle(document.body).backgroundColor"
        )
        visit.page.set_viewport_size({"width": 360, "height": 800})
        visit.sharp()
        assert visit.page.evaluate(
            "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    assert colours["light"] == "rgb(255, 255, 255)" != colours["dark"]


@in_browser
def test_hostile_names_execute_nothing(
    browser: Any, tmp_path: Path, square: regions.Partition
) -> None:
    page = interactive_map(square, names=[HOSTILE, "age"], classes=[HOSTILE] * 3, title=HOSTILE)
    visit = Visit(browser, tmp_path, page)
    visit.page.mouse.move(*visit.at(np.array([0.3, 0.7])))
    visit.page.wait_for_selector("#details .name")
    assert visit.page.title() != "pwned"
    assert visit.page.locator("img").count() == 0
    assert visit.requests == [visit.path.as_uri()]
    assert visit.complaints == []
