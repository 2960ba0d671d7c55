"""Draws `docs/report.png`, the picture of a report in the README, with headless Chromium.

Run it after `make demo`: `python docs/make_picture.py out/digits/report.html`.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright


def main(report: Path, picture: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1000, "height": 1180}, device_scale_factor=1.5)
        page.goto(report.resolve().as_uri())
        page.screenshot(path=picture, clip={"x": 0, "y": 0, "width": 1000, "height": 1180})
        browser.close()
    # Few colours, few bytes: the repository keeps every version.
    Image.open(picture).convert("RGB").quantize(64).save(picture, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("report.png"))
