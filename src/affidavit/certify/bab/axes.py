"""Across which feature to cut a box, and how many units still switch in it.

A gradient's bounds are wide where derivatives are uncertain: where a ReLU may be on or off. How
much each operand adds to the width is told by the backward rule itself, applied to a cotangent
without any width of its own. A unit is settled sooner the more of its own width a cut takes away,
so features are scored by how far they move each operand, in units of its width, times what the
operand adds. The squares of these are summed by backward passes of random signs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from affidavit.certify import crown, ibp
from affidavit.certify.backward import RULES
from affidavit.certify.problem import Problem
from affidavit.certify.target import Score
from affidavit.graph import BATCH, Graph, Interval, ops

Forward: TypeAlias = Callable[[Problem, str], ibp.Bounds]

_SIGNS = 4  # backward passes of random signs

_ROUNDING = 1e-9
"""Share of an operand's cotangent below which its uncertainty is rounding."""

_NONLINEAR = (*ops.PIECEWISE_LINEAR, *ops.SMOOTH, ops.Mul, ops.Div)


@dataclass(frozen=True, eq=False)
class Reach:
    """What each feature of some boxes does to the bounds.

    Attributes:
        scores: worth of a cut, [box, feature].
        switching: entries of operands whose derivative is uncertain, [box].
    """

    scores: Tensor
    switching: Tensor


def of_gradient(
    problem: Problem, chosen: Score, x: Tensor, params: Mapping[str, Tensor], forward: Forward
) -> Reach:
    """The features' worth for bounds on the gradient.

    Args:
        problem: boxes.
        chosen: what the gradient is of, one entry a box.
        x: a point in each box, where slopes are taken.
        params: the weights to take them with.
        forward: bounds of all values of a problem up to one.
    """
    graph = problem.graph
    with torch.no_grad():
        bounds = forward(problem, chosen.node)
        cotangent = chosen.cotangent(bounds[chosen.node])
        back = ibp.backward(graph, bounds, chosen.node, cotangent)
        added = spread(graph, bounds, back)
        added[chosen.node] = cotangent.width + added.get(chosen.node, 0.0)
        switching = torch.zeros(len(x), dtype=torch.long, device=x.device)
        for wide in added.values():
            switching += (wide > 0).flatten(1).sum(1)
        weights = {
            name: torch.where(wide > 0, wide / bounds[name].width, 0.0)
            for name, wide in added.items()
        }
    return Reach(_scores(problem, weights, x, params), switching)


def of_values(problem: Problem, node: str, x: Tensor, params: Mapping[str, Tensor]) -> Tensor:
    """The features' worth for bounds on a value of the network, [box, feature]."""
    one = torch.ones((), dtype=x.dtype, device=x.device)
    shape = (len(x), *problem.graph.shapes[node][1:])
    return _scores(problem, {node: one.expand(shape)}, x, params)


def by_intervals(problem: Problem, last: str) -> ibp.Bounds:
    """Bounds of all values by intervals."""
    return ibp.forward(problem.graph, problem.box, problem.weights, last)


def by_relaxation(problem: Problem, last: str) -> ibp.Bounds:
    """Bounds of all values by linear relaxation: fewer units seem to switch."""
    return crown.relaxed(problem, last, 0).bounds


def spread(graph: Graph, bounds: ibp.Bounds, back: ibp.Bounds) -> dict[str, Tensor]:
    """Width that each entry of an operand adds to the bounds of the gradient by it.

    An entry that does not move adds nothing: its own gradient is 0.
    """
    found: dict[str, Tensor] = {}
    for node in graph.nodes:
        if node.name not in back or not isinstance(node.op, _NONLINEAR):
            continue
        y = back[node.name]
        size = torch.maximum(y.lower.abs(), y.upper.abs())
        operands = [bounds[name] for name in node.operands]
        parts = RULES[type(node.op)](node.op, Interval.point(size), *operands)
        for name, part in zip(node.operands, parts, strict=False):
            if part is None or graph.shapes[name][:1] != (BATCH,):
                continue
            wide, moves = part.width, bounds[name].width > 0
            least = _ROUNDING * torch.maximum(part.lower.abs(), part.upper.abs())
            wide = torch.where(moves & (wide > least), wide, 0.0)
            found[name] = found[name] + wide if name in found else wide
    return found


def _scores(
    problem: Problem, weights: Mapping[str, Tensor], x: Tensor, params: Mapping[str, Tensor]
) -> Tensor:
    """Root of the sum of squares of how far each feature moves weighted values."""
    radius = (problem.box.upper - problem.box.lower).flatten(1) / 2
    if not weights:
        return radius
    generator = torch.Generator().manual_seed(0)
    points = x.detach().requires_grad_()
    total = torch.zeros_like(radius)
    with torch.enable_grad():
        values = problem.graph.values(points, weights, params)
        for _ in range(_SIGNS):
            signs = [
                torch.randint(0, 2, value.shape[1:], generator=generator).to(value) * 2 - 1
                for value in values.values()
            ]
            (slope,) = torch.autograd.grad(
                list(values.values()),
                points,
                [sign * weights[name] for sign, name in zip(signs, values, strict=True)],
                retain_graph=True,
                materialize_grads=True,
            )
            total = total + (slope.flatten(1) * radius) ** 2
    return torch.sqrt(total / _SIGNS)
