"""Whether explanations follow the network: a known truth, shuffled weights, nearby images.

EfficientNet-Lite0 on photographs of ImageNet that it classifies as they are labelled.

- Grids: four photographs of different classes side by side, 448² pixels; the class of one of them,
  each quarter in turn, is explained. The share of the positive attribution in its quarter, and
  whether the most relevant pixel lies there: a quarter by chance (Böhle et al. 2021).
- Shuffled: rank correlation and structural similarity to the attribution after all weights have
  changed places within their layers (Adebayo et al. 2018): near 0 for what explains the network.
- Nearby: greatest relative change for images with noise of 2 % of the range (Yeh et al. 2019).

Methods that evaluate thousands of images for one (LIME, RISE, occlusion) are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from affidavit.attribution import Classifier
from affidavit.attribution.evaluation import (
    bootstrap,
    energy_inside,
    max_sensitivity,
    pointing_game,
    randomization,
)
from affidavit.attribution.explainers import EXPLAINERS, Explainer
from experiments.networks import SIDE, efficientnet, photographs
from experiments.recording import arguments, finished, record

METHODS = (
    "neuromask", "grad_cam", "guided_backprop", "saliency", "smoothgrad", "integrated_gradients",
    "lrp_epsilon", "edges", "centre", "random",
)  # fmt: skip
QUARTERS = ((0, 0), (0, SIDE), (SIDE, 0), (SIDE, SIDE))


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        grids={"type": int, "default": 16, "help": "grids of four photographs (default 16)"},
        images={"type": int, "default": 16, "help": "photographs (default 16)"},
        nearby={"type": int, "default": 3, "help": "images near each (default 3)"},
    )
    torch.set_num_threads(1)
    classifier = efficientnet()
    images, classes = photographs(classifier, max(given.images, 6 * given.grids), given.seed)
    pixels, targets = list(images.values()), classes
    joined, wanted, truth, members = grids(pixels, targets, given.grids)
    results: dict[str, Any] = {}
    for name in METHODS:
        explainer = EXPLAINERS[name]()
        found = finished(
            given, name, [repr(explainer), given.grids, given.images, given.nearby],
            lambda explainer=explainer: {
                **on_grids(explainer, classifier, joined, wanted, truth),
                **on_photographs(
                    explainer, classifier, torch.stack(pixels[: given.images]),
                    torch.tensor(targets[: given.images]), given,
                ),
            },
        )  # fmt: skip
        results[name] = {
            measure: asdict(bootstrap(values, seed=given.seed)) for measure, values in found.items()
        }
    names = list(images)
    settings = {
        "network": "EfficientNet-Lite0",
        "grids": [[names[member] for member in of] for of in members],
        "images": names[: given.images],
        "nearby": given.nearby,
    }
    record(given, settings, results)


def grids(
    pixels: list[Tensor], targets: list[int], count: int
) -> tuple[Tensor, Tensor, Tensor, list[list[int]]]:
    """Grids of four classes each, in the order of the photographs, which are used once.

    Returns:
        Images [grid, 3, 448, 448]; the class explained of each; where it is, bool [grid, 448, 448];
        the photographs of each.
    """
    left = list(range(len(pixels)))
    members: list[list[int]] = []
    while len(members) < count:
        chosen: list[int] = []
        for row in left:
            if targets[row] not in {targets[other] for other in chosen}:
                chosen.append(row)
            if len(chosen) == len(QUARTERS):
                break
        else:
            raise ValueError(f"{len(pixels)} photographs make {len(members)} grids, not {count}")
        left = [row for row in left if row not in chosen]
        members.append(chosen)
    joined = torch.zeros(count, 3, 2 * SIDE, 2 * SIDE)
    truth = torch.zeros(count, 2 * SIDE, 2 * SIDE, dtype=torch.bool)
    for grid, rows in enumerate(members):
        for row, (top, left_edge) in zip(rows, QUARTERS, strict=True):
            joined[grid, :, top : top + SIDE, left_edge : left_edge + SIDE] = pixels[row]
        top, left_edge = QUARTERS[grid % len(QUARTERS)]
        truth[grid, top : top + SIDE, left_edge : left_edge + SIDE] = True
    wanted = torch.tensor([targets[rows[grid % len(rows)]] for grid, rows in enumerate(members)])
    return joined, wanted, truth, members


def on_grids(
    explainer: Explainer, classifier: Classifier, joined: Tensor, wanted: Tensor, truth: Tensor
) -> dict[str, list[float]]:
    """Of each grid, how much of the attribution lies where the class is."""
    attribution = few_by_few(lambda row: explainer(classifier, joined[row], wanted[row]), joined)
    return {
        "energy inside": energy_inside(attribution, truth).tolist(),
        "pointing": pointing_game(attribution, truth).double().tolist(),
    }


def on_photographs(
    explainer: Explainer, classifier: Classifier, pixels: Tensor, target: Tensor, given: Any
) -> dict[str, list[float]]:
    """Of each photograph, how alike its attribution stays where weights or pixels change."""
    attribution = few_by_few(lambda row: explainer(classifier, pixels[row], target[row]), pixels)
    known: dict[str, Any] = {"attribution": attribution, "seed": given.seed}
    alike = randomization(explainer, classifier, pixels, target, stages=1, **known)
    moved = max_sensitivity(explainer, classifier, pixels, target, samples=given.nearby, **known)
    return {
        "rank correlation, shuffled": alike.correlation[:, -1].nan_to_num(1.0).tolist(),
        "similarity, shuffled": alike.similarity[:, -1].tolist(),
        "max-sensitivity": moved.tolist(),
    }


def few_by_few(explain: Callable[[slice], Tensor], pixels: Tensor) -> Tensor:
    """Attributions, four at a time: large images take much memory."""
    return torch.cat([explain(slice(row, row + 4)) for row in range(0, len(pixels), 4)])


if __name__ == "__main__":
    main()
