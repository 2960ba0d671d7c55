"""The path integral of equation 4 without error, for piecewise-linear networks.

Between two neighbouring places at which a unit after the layer bends, the gradient of the score by
the layer does not change, so that the integral over that piece is the gradient, taken inside, times
the change of the layer's value, however the units before the layer bend on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from affidavit.attribution.feature_maps.breakpoints import breakpoints
from affidavit.attribution.feature_maps.networks import TappedGraph
from affidavit.attribution.feature_maps.path import gradients, over_space
from affidavit.graph import Graph


def exact(
    graph: Graph,
    layers: Mapping[str, str],
    start: Tensor,
    end: Tensor,
    target: Tensor,
    after: Iterable[str],
    budget: int,
    batch_size: int,
) -> tuple[dict[str, Tensor], Tensor]:
    """Conductances of one input, by layer [channel], and f(x) − f(x′), one number.

    Args:
        graph: up to the scores, piecewise linear, in double precision.
        layers: the node of each layer.
        start, end: baseline and input, without the batch, in double precision.
        target: the class, one number.
        after: the nodes after any of the layers.
        budget: see :func:`affidavit.attribution.feature_maps.breakpoints.breakpoints`.
        batch_size: pieces whose gradients are taken at once.

    Raises EngineError where there are more breakpoints than the budget; ModelError where the
    scores do not depend on a layer.
    """
    inner = breakpoints(graph, start, end, after, budget)
    places = torch.cat([inner.new_zeros(1), inner, inner.new_ones(1)])
    network = TappedGraph(graph, layers)

    def at(shares: Tensor) -> Tensor:
        return start + shares.reshape(-1, *(1,) * start.ndim) * (end - start)

    sums: dict[str, Tensor] = {}
    first_score = start.new_zeros(())
    for first in range(0, len(places) - 1, batch_size):
        part = places[first : first + batch_size + 1]
        values, reached = network(at(part))
        first_score = reached[0, target] if first == 0 else first_score
        inside, scores = network(at((part[:-1] + part[1:]) / 2), layers)
        slopes = gradients(scores, target.expand(len(scores)), inside)
        for name, slope in slopes.items():
            change = values[name][1:] - values[name][:-1]
            found = over_space(slope, change).sum(0)
            sums[name] = sums[name] + found if name in sums else found
    return sums, reached[-1, target] - first_score
