"""Figure 2, and what λ and τ do: NeuroMask on CIFAR-10 with ResNet-20.

Images of the test part that the network gets right, in the order of a seeded shuffle. The presets
`paper`, `official` and `fast` beside the controls; then `official` with its penalties λ_sp and
λ_sm weaker and stronger, and with other τ: deletion and insertion, the mask's area and how often
the masked image keeps the prediction, with 95 % bootstrap intervals. The data are CIFAR-10
re-encoded as JPEG. Pictures of the first images by all presets, and of the highest and the lowest
`insertion - deletion` (black) of `fast`, go to the work folder: they show images of the data.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import matplotlib as mpl
import torch
from torch import Tensor

from affidavit.attribution import Classifier, learn_masks
from affidavit.attribution.evaluation import bootstrap, deletion, insertion, mask_area
from affidavit.attribution.explainers import CONTROLS, EXPLAINERS
from affidavit.attribution.fill_ins import fill_in
from affidavit.attribution.neuromask import Preset
from affidavit.attribution.neuromask.presets import preset_for
from affidavit.attribution.pictures import comparison_grid
from affidavit.data import load
from experiments.networks import resnet20, right
from experiments.recording import arguments, finished, record, say

mpl.use("Agg")

FILLS = ("black", "mean")
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
TAUS = (2.5, 5.0, 10.0, 20.0)
SIDE = (32, 32)


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        images={"type": int, "default": 100, "help": "images (default 100)"},
        sweep={"type": int, "default": 20, "help": "images of the sweeps (default 20)"},
        steps={"type": int, "default": 32, "help": "of a curve (default 32)"},
        pictures={"type": int, "default": 6, "help": "images in a picture (default 6)"},
    )
    torch.set_num_threads(1)
    classifier = resnet20()
    found, classes = right(classifier, load("cifar10").part("test"), given.images, given.seed)
    pixels, target = torch.stack(list(found.values())), torch.tensor(classes)
    official = preset_for("official", SIDE)
    assert isinstance(official, Preset)
    presets = {name: preset_for(name, SIDE) for name in ("paper", "official", "fast")}
    swept = {
        **{f"λ_sp × {f:g}": replace(official, sparsity=official.sparsity * f) for f in FACTORS},
        **{f"λ_sm × {f:g}": replace(official, smoothness=official.smoothness * f) for f in FACTORS},
        **{f"τ = {tau:g}": replace(official, tau=tau) for tau in TAUS},
    }

    def masks(preset: Any, count: int) -> Callable[[], Tensor]:
        return lambda: (
            learn_masks(
                classifier, pixels[:count], target[:count], preset, seed=given.seed, batch_size=50
            ).mask
        )

    def control(name: str) -> Callable[[], Tensor]:
        return lambda: EXPLAINERS[name]()(classifier, pixels, target)

    def row(name: str, count: int, learn: Callable[[], Tensor], settings: Any) -> dict[str, Any]:
        settings = [repr(settings), given.images, count, given.steps, FILLS]
        return finished(
            given, name, settings,
            lambda: measured(
                classifier, pixels[:count], target[:count], learn, name not in CONTROLS, given
            ),
        )  # fmt: skip

    results = {
        "presets": {
            **{
                name: row(name, given.images, masks(p, given.images), p)
                for name, p in presets.items()
            },
            **{name: row(name, given.images, control(name), name) for name in CONTROLS},
        },
        "sweep of official": {
            name: row(name, given.sweep, masks(p, given.sweep), p) for name, p in swept.items()
        },
    }
    say("pictures")
    few = pixels[: given.pictures], target[: given.pictures]
    learned = {
        name: learn_masks(classifier, *few, preset, seed=given.seed).mask
        for name, preset in presets.items()
    }
    comparison_grid(few[0], learned).savefig(given.work / "presets.png")
    extremes(classifier, pixels, target, given)
    settings = {
        "network": "ResNet-20, checkpoint 12fca82f",
        "data": "CIFAR-10 re-encoded as JPEG, test part, classified right",
        "images": given.images,
        "images of the sweeps": given.sweep,
        "steps of a curve": given.steps,
        "presets": {name: repr(preset) for name, preset in presets.items()},
    }
    record(given, settings, results)


def extremes(classifier: Classifier, pixels: Tensor, target: Tensor, given: Any) -> None:
    """Draws the best and the worst masks of `fast`."""
    mask = learn_masks(classifier, pixels, target, "fast", seed=given.seed, batch_size=50).mask
    options = {"steps": given.steps, "seed": given.seed, "batch_size": 256}
    shown = insertion(classifier, pixels, target, mask, fill="black", **options).area
    hidden = deletion(classifier, pixels, target, mask, fill="black", **options).area
    order = (shown - hidden).argsort(descending=True)
    for name, rows in ("best", order), ("worst", order.flip(0)):
        rows = rows[: given.pictures]
        gaps = [f"{gap:.2f}" for gap in (shown - hidden)[rows].tolist()]
        figure = comparison_grid(pixels[rows], {"fast": mask[rows]}, labels=gaps)
        figure.savefig(given.work / f"{name}.png")


def measured(
    classifier: Classifier,
    pixels: Tensor,
    target: Tensor,
    learn: Callable[[], Tensor],
    learned: bool,
    given: Any,
) -> dict[str, Any]:
    """Means over the images, with intervals, and processor seconds an image."""
    worked = time.process_time()
    mask = learn()
    seconds = time.process_time() - worked
    values: dict[str, Tensor] = {}
    for fill in FILLS:
        options = {"fill": fill, "steps": given.steps, "seed": given.seed, "batch_size": 256}
        values[f"deletion_{fill}"] = deletion(classifier, pixels, target, mask, **options).area
        values[f"insertion_{fill}"] = insertion(classifier, pixels, target, mask, **options).area
    if learned:  # controls give an order, no mask
        hidden = fill_in("black", pixels, data_range=classifier.data_range)
        scores = classifier.scores(hidden + mask[:, None] * (pixels - hidden), 256)
        values["kept_by_the_mask"] = (scores.argmax(1) == target).float()
        values["area"] = mask_area(mask)
    return {
        **{
            name: asdict(bootstrap(value.tolist(), seed=given.seed))
            for name, value in values.items()
        },
        "processor_seconds_an_image": seconds / len(pixels),
    }


if __name__ == "__main__":
    main()
