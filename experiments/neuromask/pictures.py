"""Figures 3 and 4: many methods on the same photographs, how a mask is learned, the best and worst.

What is shown is chosen by rule. The grid has the first photographs of the comparison's seeded
shuffle; the learning progress is that of its first; the best and the worst masks are those of the
highest and the lowest `insertion - deletion` (black) that the comparison found for each preset, so
run that first, with the same seed and the same work folder. Pictures go to the work folder, since
they show photographs; the record says which images they are of, and with what numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch

from affidavit.attribution import learn_masks
from affidavit.attribution.evaluation import read
from affidavit.attribution.explainers import EXPLAINERS
from affidavit.attribution.pictures import comparison_grid, learning_progress, panel
from experiments.networks import efficientnet, photographs
from experiments.recording import arguments, record, say

mpl.use("Agg")

PRESETS = ("fast", "official", "paper")
GRID = ("saliency", "smoothgrad", "grad_cam", "guided_backprop", "lime", "lrp_epsilon")
STEPS = {"fast": range(0, 60, 6), "official": (0, 100, 200, 400, 600, 800, 999)}


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        images={"type": int, "default": 50, "help": "photographs compared (default 50)"},
        rows={"type": int, "default": 4, "help": "photographs in the grid (default 4)"},
        extremes={"type": int, "default": 2, "help": "best and worst masks, each (default 2)"},
        comparison={"default": "out/neuromask/comparison/comparison.jsonl",
                    "help": "what the comparison kept (default %(default)s)"},
    )  # fmt: skip
    torch.set_num_threads(1)
    classifier = efficientnet()
    images, classes = photographs(classifier, given.images, given.seed)
    names = list(images)
    pixels, target = torch.stack(list(images.values())), torch.tensor(classes)

    say("the grid")
    first = slice(0, given.rows)
    maps = {
        "neuromask": learn_masks(classifier, pixels[first], target[first], seed=given.seed).mask,
        **{name: EXPLAINERS[name]()(classifier, pixels[first], target[first]) for name in GRID},
    }
    comparison_grid(pixels[first], maps, labels=names[first]).savefig(given.work / "grid.png")
    for preset, steps in STEPS.items():
        say(f"learning progress of {preset}")
        masks = learn_masks(
            classifier, pixels[:1], target[:1], preset, seed=given.seed, history=steps
        )
        figure = learning_progress(masks, 0, image=pixels[0])
        figure.savefig(given.work / f"learning-{preset}.png")

    chosen: dict[str, Any] = {}
    for preset in PRESETS:
        ranked = ranking(given.comparison, f"neuromask:{preset}", names)
        ends = {"best": ranked[: given.extremes], "worst": ranked[::-1][: given.extremes]}
        chosen[preset] = ends
        for end, rows in ends.items():
            for place, (name, _) in enumerate(rows):
                say(f"{end} of {preset}: {name}")
                at = names.index(name)
                row = slice(at, at + 1)
                found = learn_masks(classifier, pixels[row], target[row], preset, seed=given.seed)
                figure = panel(pixels[at], found.mask[0], title=f"{preset}: {name}")
                figure.savefig(given.work / f"{preset}-{end}-{place}.png")
    shown = {"grid": names[first], "learning progress": names[0], "best and worst": chosen}
    record(given, {"presets": PRESETS, "images": given.images}, shown)


def ranking(path: str, method: str, names: list[str]) -> list[tuple[str, float]]:
    """Images by insertion less deletion, the highest first; empty where there is no comparison."""
    found = {
        kept.image: kept.values["insertion_black"] - kept.values["deletion_black"]
        for kept in read(Path(path))
        if kept.method == method and kept.image in names
    }
    return sorted(found.items(), key=lambda item: -item[1])


if __name__ == "__main__":
    main()
