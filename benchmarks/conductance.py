"""Conductance against captum's `LayerConductance`: time, memory and agreement.

`python benchmarks/conductance.py [last] [five] [memory] [agreement] [inception]`, all if none is
named, on ResNet-20 of random weights and shifts, on random images of 32². Times are of the
processor, in one thread; both are given the class, 10 steps and the same batch. Our graph of the
model is made once, outside; `tracing` says what it takes.

- last: the last block, against captum's `riemann_trapezoid` and its default, Gauss-Legendre.
- five: five blocks, in one call of ours and five of captum's.
- memory: the most that PyTorch holds at once beyond what it held before, for the same calls.
- agreement: greatest difference of a map's conductance, as a share of the greatest conductance.
- inception: that of the closed form with captum and with a sum of 1,000 steps, at the last unit of
  Inception-v3, random weights, one random image of 299². It takes minutes.

The record goes to `benchmarks/results/conductance.json`; measures not asked for stay in it as they
were.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import captum.attr
import torch
from pytorchcv.models.inceptionv3 import InceptionV3
from pytorchcv.models.resnet_cifar import resnet20_cifar10
from torch import Tensor, nn

from affidavit.attribution import conductance
from affidavit.attribution.evaluation.cost import peak_memory
from affidavit.graph import Graph, load
from harness import RESULTS, compare, record

BATCH, STEPS = 32, 10
LAST = "features.stage3.unit3"
FIVE = (
    "features.stage1.unit3",
    "features.stage2.unit3",
    "features.stage3.unit1",
    "features.stage3.unit2",
    LAST,
)
WAYS = ("riemann_trapezoid", "gausslegendre")


def network() -> nn.Module:
    """ResNet-20 with shifts: without any, the way from a black image has no bends."""
    torch.manual_seed(0)
    model: nn.Module = resnet20_cifar10().eval()
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.bias.normal_(std=0.25)
                part.running_mean.normal_(std=0.25)
    return model


def images(count: int, side: int = 32) -> Tensor:
    return torch.rand((count, 3, side, side), generator=torch.Generator().manual_seed(1))


def by_captum(
    model: nn.Module, layers: tuple[str, ...], x: Tensor, target: Tensor, way: str
) -> Any:
    """Conductances summed over space, a call for each layer."""
    return {
        name: captum.attr.LayerConductance(model, model.get_submodule(name))
        .attribute(x, target=target, n_steps=STEPS, method=way)
        .detach()
        .sum((2, 3))
        for name in layers
    }


class Question:
    """One batch on one network, asked of both."""

    def __init__(self) -> None:
        self.model, self.x = network(), images(BATCH)
        with torch.no_grad():
            self.target = self.model(self.x).argmax(1)
        start = time.process_time()
        self.graph: Graph = load(self.model, self.x)
        self.tracing = time.process_time() - start

    def ours(self, layers: tuple[str, ...], **options: Any) -> Any:
        return conductance(
            self.model, layers, self.x, target=self.target, steps=STEPS, graph=self.graph, **options
        )

    def theirs(self, layers: tuple[str, ...], way: str = WAYS[0]) -> Any:
        return by_captum(self.model, layers, self.x, self.target, way)


def last(question: Question) -> dict[str, dict[str, float]]:
    return {
        f"last block, batch {BATCH}, captum {way}": compare(
            lambda: question.ours((LAST,)),
            lambda way=way: question.theirs((LAST,), way),  # type: ignore[misc]
            rounds=5,
            warmup=1,
            clock=time.process_time,
        )
        for way in WAYS
    }


def five(question: Question) -> dict[str, dict[str, float]]:
    found = compare(
        lambda: question.ours(FIVE),
        lambda: question.theirs(FIVE),
        rounds=5,
        warmup=1,
        clock=time.process_time,
    )
    return {f"five blocks, batch {BATCH}, captum {WAYS[0]}": found}


def memory(question: Question) -> dict[str, dict[str, float]]:
    found = {}
    for name, layers in (("last block", (LAST,)), ("five blocks", FIVE)):
        ours, peer = (
            peak_memory(lambda call=call, layers=layers: call(layers)) / 1e6  # type: ignore[misc]
            for call in (question.ours, question.theirs)
        )
        found[f"{name}, batch {BATCH}"] = {
            "ours_megabytes": ours,
            "peer_megabytes": peer,
            "ratio": ours / peer,
        }
    return found


def agreement(question: Question) -> dict[str, dict[str, float]]:
    """The closed form with captum; our sum with captum's, whose trapezoids differ from right ends
    unless there are many steps; and how much of the score each leaves over."""
    found = {}
    ours, summed = question.ours(FIVE), question.ours(FIVE, method="riemann")
    for way in WAYS:
        theirs = question.theirs(FIVE, way)
        for name in FIVE:
            left = ours.difference - theirs[name].sum(1)
            found[f"{name}: captum {way}"] = {
                "ours_differs": apart(ours.values[name], theirs[name]),
                "our_sum_differs": apart(summed.values[name], theirs[name]),
                "ours_leaves": share(ours.completeness_error[name], ours.difference),
                "our_sum_leaves": share(summed.completeness_error[name], ours.difference),
                "peer_leaves": share(left, ours.difference),
            }
    return found


def inception(_: Question) -> dict[str, dict[str, float]]:
    torch.manual_seed(0)
    model: nn.Module = InceptionV3(
        channels=[[256, 288, 288], [768] * 5, [1280, 2048, 2048]],
        init_block_channels=192,
        b_mid_channels=[128, 160, 160, 192],
    ).eval()
    x = images(1, 299)
    start = time.process_time()
    graph = load(model, x)
    tracing = time.process_time() - start
    closed = conductance(model, LAST, x, graph=graph)
    theirs = by_captum(model, (LAST,), x, closed.target, WAYS[0])
    many = conductance(
        model, LAST, x, target=closed.target, steps=1000, method="riemann", graph=graph
    )
    return {
        "Inception-v3, last unit": {
            "tracing_seconds": tracing,
            "differs_from_captum": apart(closed.values[LAST], theirs[LAST]),
            "differs_from_1000_steps": apart(closed.values[LAST], many.values[LAST]),
            "leaves": share(closed.completeness_error[LAST], closed.difference),
        }
    }


def apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max())


def share(left: Tensor, whole: Tensor) -> float:
    return float(left.abs().max() / whole.abs().max())


Part = Callable[[Question], dict[str, dict[str, float]]]
PARTS: dict[str, Part] = {
    "last": last,
    "five": five,
    "memory": memory,
    "agreement": agreement,
    "inception": inception,
}
"""What is measured, by name. The first two are timed: their figures are the record's results."""


def main() -> None:
    torch.set_num_threads(1)
    question = Question()
    for part in sys.argv[1:] or list(PARTS):
        figures = PARTS[part](question)
        for name, found in figures.items():
            print(name, found, file=sys.stderr)
        write(part, figures, question.tracing)


def write(part: str, figures: dict[str, dict[str, float]], tracing: float) -> None:
    """Puts what was measured into the record, part by part: the last one takes minutes."""
    path = RESULTS / "conductance.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    found = {name: dict(known.get(name, {})) for name in ("results", "memory", "agreement")}
    section = {"last": "results", "five": "results", "inception": "agreement"}.get(part, part)
    found[section] |= figures
    record("conductance", found["results"])
    content = json.loads(path.read_text()) | {"tracing_seconds": tracing} | found
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
