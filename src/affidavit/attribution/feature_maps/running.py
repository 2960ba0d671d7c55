"""The ways to conductances, each over a batch of inputs, some at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from affidavit.attribution.feature_maps.closed import Tail
from affidavit.attribution.feature_maps.exact import exact
from affidavit.attribution.feature_maps.flow import after
from affidavit.attribution.feature_maps.path import Sums, over_space, riemann
from affidavit.attribution.feature_maps.result import Way
from affidavit.attribution.feature_maps.setup import Setup, converted
from affidavit.attribution.targets import Target, classes
from affidavit.progress import Progress


@dataclass(frozen=True, eq=False)
class Found:
    """Conductances of a batch, in double precision.

    Attributes:
        sums: of each layer, [batch, channel].
        left: of each layer, f(x) − f(x′) less their sum, [batch].
        rise: f(x) − f(x′), [batch].
        target: the classes, [batch].
    """

    sums: Mapping[str, Tensor]
    left: Mapping[str, Tensor]
    rise: Tensor
    target: Tensor


def by_sums(
    setup: Setup,
    ways: Mapping[str, Way],
    x: Tensor,
    baseline: Tensor,
    target: Target,
    steps: int,
    batch_size: int,
    progress: Progress | None,
) -> Found:
    """What is summed over steps, or has a closed form; with the classes of all.

    Layers of both kinds share their passes: a closed form takes what it needs from the ends.
    """
    tails = {
        layer: Tail(*setup.place(layer, way)) for layer, way in ways.items() if way == "closed"
    }
    summed = [layer for layer, way in ways.items() if way == "riemann"]
    network = setup.folded() if summed else setup.network
    shared = len(baseline) == 1
    with network.evaluating():
        start = network(baseline if len(baseline) else x.new_zeros((1, *x.shape[1:])))
        if not len(x):
            return _nothing(start, ways, target)
        given = None if target is None else classes(target, start[1][:1].expand(len(x), -1))
        parts: list[_Part] = []
        for first in range(0, len(x), batch_size):
            rows = slice(first, first + batch_size)
            chosen = None if given is None else given[rows]
            begin = baseline if shared else baseline[rows]
            found = riemann(
                network, x[rows], begin, start if shared else network(begin), chosen, steps, summed
            )
            parts.append(_reduced(found, tails))
            if progress is not None:
                progress(min(first + batch_size, len(x)), len(x))
    sums = {layer: torch.cat([part.sums[layer] for part in parts]) for layer in parts[0].sums}
    rise = torch.cat([part.rise for part in parts])
    left = {layer: rise - one.sum(1) for layer, one in sums.items()}
    return Found(sums, left, rise, torch.cat([part.target for part in parts]))


def by_pieces(
    setup: Setup,
    layers: Sequence[str],
    x: Tensor,
    baseline: Tensor,
    known: Found,
    budget: int,
    batch_size: int,
    progress: Progress | None,
) -> Found:
    """What is known, with the exact conductances of some layers, one input after the other."""
    if not len(x):
        return known
    graph, _ = setup.place(layers[0], "exact")
    graph = converted(graph, x.double())
    nodes = {layer: setup.nodes[layer] for layer in layers}
    later = {node.name for start in nodes.values() for node in after(graph, start)}
    rows: list[tuple[dict[str, Tensor], Tensor]] = []
    for number, (end, chosen) in enumerate(zip(x.double(), known.target, strict=True)):
        start = baseline[min(number, len(baseline) - 1)].double()
        rows.append(exact(graph, nodes, start, end, chosen, later, budget, batch_size))
        if progress is not None:
            progress(number + 1, len(x))
    sums = {layer: torch.stack([row[layer] for row, _ in rows]) for layer in layers}
    rise = torch.stack([one for _, one in rows])
    left = {layer: rise - one.sum(1) for layer, one in sums.items()}
    return replace(known, sums={**known.sums, **sums}, left={**known.left, **left})


class _Part(NamedTuple):
    """What is kept of some inputs: no value of a layer."""

    sums: dict[str, Tensor]
    rise: Tensor
    target: Tensor


def _reduced(found: Sums, tails: Mapping[str, Tail]) -> _Part:
    """The sums, with those that have a closed form, and f(x) − f(x′)."""
    ends, target = found.ends, found.target
    closed = {
        layer: over_space(tail.weights(target), ends.values[layer] - ends.start[layer])
        for layer, tail in tails.items()
    }
    before = ends.start_scores.expand(ends.scores.shape)
    end, start = (s.double().gather(1, target[:, None]) for s in (ends.scores, before))
    return _Part({**found.sums, **closed}, (end - start)[:, 0], target)


def _nothing(
    start: tuple[Mapping[str, Tensor], Tensor], ways: Mapping[str, Way], target: Target
) -> Found:
    """Of an empty batch: as many channels as the layers have, and no input."""
    values, scores = start
    sums = {layer: values[layer].new_zeros((0, values[layer].shape[1])).double() for layer in ways}
    none = scores.new_zeros(0).double()
    chosen = classes(target, scores[:0])
    return Found(sums, dict.fromkeys(ways, none), none, chosen)
