"""What the experiments on rows, signals and texts share: peers, training, scores, tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.attribution import Classifier, fill_in
from affidavit.attribution.evaluation import bootstrap, compare
from experiments.recording import say

Explain: TypeAlias = Callable[[Classifier, Tensor, Tensor], Tensor]
"""`(classifier, inputs, target) -> attribution [batch, place]`."""


def fit(
    model: nn.Module, x: Tensor, y: Tensor, *, epochs: int, seed: int, batch: int = 64,
    rate: float = 2e-3, decay: float = 1e-4,
) -> nn.Module:  # fmt: skip
    """Cross-entropy by Adam, the rate falling to 0; in place."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(batch):
            optimiser.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimiser.step()
        schedule.step()
    return model.eval()


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        found = torch.cat([model(part).argmax(1) for part in x.split(500)])
    return (found == y).double().mean().item()


def peers(fill: str, window: int = 1, seed: int = 0) -> dict[str, Explain]:
    """The methods that masks are held against, each with the same fill-in as they."""

    def hidden(classifier: Classifier, inputs: Tensor) -> Tensor:
        return fill_in(fill, inputs, classifier.data_range, seed)

    def random(classifier: Classifier, inputs: Tensor, target: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.rand(len(inputs), inputs.shape[-1], generator=generator)

    def gradient_size(classifier: Classifier, inputs: Tensor, target: Tensor) -> Tensor:
        return over_channels(slope(classifier, inputs, target).abs())

    def gradient_times_input(classifier: Classifier, inputs: Tensor, target: Tensor) -> Tensor:
        shown = inputs - hidden(classifier, inputs)
        return over_channels(slope(classifier, inputs, target) * shown)

    def integrated_gradients(classifier: Classifier, inputs: Tensor, target: Tensor) -> Tensor:
        start = hidden(classifier, inputs)
        steps = [(k + 0.5) / 50 for k in range(50)]
        total = sum(slope(classifier, start + t * (inputs - start), target) for t in steps)
        return over_channels((inputs - start) * total / 50)

    def occlusion(classifier: Classifier, inputs: Tensor, target: Tensor) -> Tensor:
        other = hidden(classifier, inputs)
        places = inputs.shape[-1]
        before = chance(classifier, inputs, target)
        fall = torch.zeros(len(inputs), places)
        count = torch.zeros(places)
        for start in range(1 - window, places):
            part = slice(max(0, start), min(places, start + window))
            changed = inputs.clone()
            changed[..., part] = other[..., part]
            fall[:, part] += (before - chance(classifier, changed, target))[:, None]
            count[part] += 1
        return fall / count

    return {
        "random": random,
        "gradient size": gradient_size,
        "gradient x input": gradient_times_input,
        "integrated gradients": integrated_gradients,
        "occlusion": occlusion,
    }


def slope(classifier: Classifier, inputs: Tensor, target: Tensor) -> Tensor:
    """Gradient of the target's score by the inputs."""
    with classifier.evaluating():
        leaf = inputs.clone().requires_grad_()
        scores: Tensor = classifier(leaf).gather(1, target[:, None])
        return torch.autograd.grad(scores.sum(), leaf)[0]


def chance(classifier: Classifier, inputs: Tensor, target: Tensor) -> Tensor:
    """Probability of the target."""
    found = classifier.scores(inputs, batch_size=500).softmax(1)
    return found.gather(1, target[:, None])[:, 0]


def over_channels(values: Tensor) -> Tensor:
    return values.sum(1) if values.ndim > 2 else values


def timed_maps(
    methods: Mapping[str, Callable[[], Tensor]], inputs: int
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """What each method gives, and its processor milliseconds an input."""
    maps, milliseconds = {}, {}
    for name, method in methods.items():
        start = time.process_time()
        maps[name] = method()
        milliseconds[name] = 1000 * (time.process_time() - start) / inputs
        say(f"{name}: {milliseconds[name]:.2f} ms an input")
    return maps, milliseconds


Areas: TypeAlias = tuple[Tensor, Tensor]
"""Deletion and insertion of each input."""


def scored(
    maps: Mapping[str, Tensor],
    curves: Mapping[str, Callable[[Tensor], Areas]],
    first: Mapping[str, str],
    seed: int,
) -> dict[str, Any]:
    """Deletion, insertion and the gap between them under each fill-in, as means with intervals,
    and the paired difference of one method's gap from the others', for each fill-in its own."""
    found: dict[str, Any] = {}
    for fill, areas in curves.items():
        columns: dict[str, dict[str, np.ndarray]] = {"deletion": {}, "insertion": {}, "gap": {}}
        for name, attribution in maps.items():
            deletion, insertion = areas(attribution)
            columns["deletion"][name] = deletion.double().numpy()
            columns["insertion"][name] = insertion.double().numpy()
            columns["gap"][name] = (insertion - deletion).double().numpy()
        found[fill] = {
            "mean": {
                measure: {
                    name: [estimate.mean, estimate.lower, estimate.upper]
                    for name, values in of.items()
                    for estimate in [bootstrap(values, seed=seed)]
                }
                for measure, of in columns.items()
            },
            f"gap of {first[fill]} less that of": {
                row.other: [row.difference.mean, row.difference.lower, row.difference.upper]
                for row in compare(columns["gap"], first[fill], larger_is_better=True, seed=seed)
            },
        }
    return found


def show(found: Mapping[str, Any], milliseconds: Mapping[str, float]) -> None:
    """The table on stderr."""
    for fill, result in found.items():
        say(f"hidden by {fill}: deletion, insertion, gap; ms; gap of its own mask less this one")
        paired = next(value for key, value in result.items() if key != "mean")
        for name, of in result["mean"]["gap"].items():
            cells = [result["mean"][m][name][0] for m in ("deletion", "insertion")]
            row = "".join(f"{value:9.4f}" for value in (*cells, of[0]))
            other = paired.get(name)
            tail = f" {other[0]:+.4f} [{other[1]:+.4f}, {other[2]:+.4f}]" if other else ""
            say(f"  {name:28}{row} {milliseconds[name]:8.2f} ms{tail}")
