"""The check that the tests of all interval rules share: real values lie within the bounds."""

from __future__ import annotations

from collections.abc import Mapping

import mpmath
import numpy as np
import torch
from tests.reference import real_numbers
from torch import Tensor

from affidavit.graph import Graph, Interval, propagate


def points(box: Interval, count: int, generator: torch.Generator) -> list[Tensor]:
    """Both ends, random corners, random points, and points with some entries on the boundary."""
    lower, upper = box.lower, box.upper
    if torch.equal(lower, upper):
        return [lower]
    found = [lower, upper]
    for turn in range(count):
        share = torch.rand(lower.shape, generator=generator, dtype=torch.float64).to(lower.dtype)
        if turn % 3 == 0:
            share = share.round()
        elif turn % 3 == 1:
            share = torch.where(share < 0.5, share.round(), share)
        mixed = lower * (1 - share) + upper * share
        found.append(torch.minimum(torch.maximum(mixed, lower), upper))
    return found


def check_sound(
    graph: Graph,
    box: Interval,
    params: Mapping[str, Interval] | None = None,
    *,
    dtype: torch.dtype = torch.float64,
    count: int = 4,
) -> dict[str, Interval]:
    """Propagates, and compares with real arithmetic at points of the box and of the parameters."""
    params = params or {}
    bounds = propagate(graph, box, params, dtype=dtype)
    generator = torch.Generator().manual_seed(7)
    for x in points(box, count, generator):
        chosen = {}
        for name, interval in params.items():
            options = points(interval, 3, generator)
            pick = int(torch.randint(len(options), (), generator=generator))
            chosen[name] = options[pick]
        for name, value in real_numbers.evaluate(graph, x, chosen).items():
            interval = bounds[name]
            assert interval.lower.shape == value.shape, name
            low, high = real_numbers.real(interval.lower), real_numbers.real(interval.upper)
            for index in np.ndindex(*value.shape):
                assert low[index] <= value[index] <= high[index], (
                    f"{name}{list(index)} of {graph[name].op}: {mpmath.nstr(value[index], 25)} is"
                    f" not in [{mpmath.nstr(low[index], 25)}, {mpmath.nstr(high[index], 25)}]"
                )
    return bounds


def around(x: Tensor, radius: float | Tensor) -> Interval:
    return Interval(x - radius, x + radius)
