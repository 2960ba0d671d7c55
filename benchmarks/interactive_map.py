"""Frame times of the interactive map of 50,000 regions or more, in headless Chromium.

`python benchmarks/interactive_map.py`; needs Playwright and Chromium. What counts is how long one
picture of the browser takes while the map is moved, zoomed and pointed at: 16.7 ms is smooth.
"""

from __future__ import annotations

import json
import math
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import sync_playwright
from torch import nn

from affidavit import regions
from affidavit.regions import pictures
from harness import RESULTS

RECORD = """() => { window.times = []; let last = performance.now(); window.going = true;
  const tick = () => { const now = performance.now(); window.times.push(now - last); last = now;
    if (window.going) requestAnimationFrame(tick); }; requestAnimationFrame(tick); }"""


def partition(first: int, second: int) -> regions.Partition:
    torch.manual_seed(0)
    layers = [nn.Linear(2, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(second, 4))
    with torch.no_grad():
        for layer in net[::2]:
            layer.weight.normal_(0, math.sqrt(2 / layer.in_features))
            layer.bias.uniform_(-1, 1)
    return regions.partition(net, regions.Box([-1, -1], [1, 1]), refine="decision")


def frames(page: Any, act: Callable[[int], None], steps: int) -> dict[str, float]:
    page.evaluate(RECORD)
    for step in range(steps):
        act(step)
    times = page.evaluate("() => { window.going = false; return window.times; }")[1:]
    ranked = sorted(times)
    return {
        "frames": len(times),
        "median_ms": statistics.median(times),
        "p95_ms": ranked[int(0.95 * len(ranked))],
        "greatest_ms": ranked[-1],
    }


def measured(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        started = time.perf_counter()
        page.goto(path.as_uri())
        sharp = "#map[data-state=sharp]"
        page.wait_for_selector(sharp)
        found["sharp_after_seconds"] = time.perf_counter() - started
        box = page.locator("#map").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        turn = [(60 * math.cos(s / 9), 60 * math.sin(s / 9)) for s in range(400)]
        page.mouse.move(x, y)
        found["hover"] = frames(
            page, lambda s: page.mouse.move(x + 3 * turn[s][0], y + 3 * turn[s][1]), 400
        )
        page.mouse.move(x, y)
        found["zoom"] = frames(
            page, lambda s: page.mouse.wheel(0, -40 if s // 40 % 2 == 0 else 40), 200
        )
        page.mouse.down()
        found["pan"] = frames(page, lambda s: page.mouse.move(x + turn[s][0], y + turn[s][1]), 400)
        page.mouse.up()
        started = time.perf_counter()
        page.wait_for_selector(sharp)
        found["sharp_again_after_seconds"] = time.perf_counter() - started
        browser.close()
    return found


def main() -> None:
    p = partition(*map(int, sys.argv[1:3] or (256, 256)))
    started = time.perf_counter()
    page = pictures.interactive_map(p)
    made = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.html"
        path.write_text(page, encoding="utf-8")
        results = {
            "regions": len(p),
            "page_mib": len(page) / 2**20,
            "page_made_in_seconds": made,
            **measured(path),
        }
    content = {
        "command": f"python {' '.join(sys.argv)}",
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
        "results": results,
    }
    text = json.dumps(content, indent=2) + "\n"
    (RESULTS / "interactive_map.json").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
