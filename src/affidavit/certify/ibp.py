"""Interval bound propagation, forward and backward."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from affidavit.certify.backward import RULES
from affidavit.certify.problem import Problem
from affidavit.certify.target import Score, by_class
from affidavit.errors import DomainError, UnsupportedOpsError
from affidavit.graph import BATCH, Graph, Interval, ops
from affidavit.graph.intervals.interval import (
    add,
    is_finite,
    limits,
    outward,
    subtract,
)
from affidavit.graph.intervals.plain import plain_sums
from affidavit.graph.intervals.products import bilinear
from affidavit.graph.intervals.propagate import KEEPING, carry

Bounds = dict[str, Interval]

BLOCK = 1 << 17
"""Numbers in the largest value of the inputs that are bounded at once where nothing is learned."""


def gradient(problem: Problem, chosen: Score) -> Interval:
    """Bounds on the gradient. Differentiable."""
    graph, box = problem.graph, problem.box
    weights = _tensors(graph, box, problem.weights, graph.ancestors([chosen.node]))
    if torch.is_grad_enabled() or box.like.device.type != "cpu":
        return _gradient(problem, chosen, weights)
    # In blocks that stay in the processor's cache.
    sizes = [math.prod(shape[1:]) for shape in graph.shapes.values() if shape[:1] == (BATCH,)]
    rows = max(1, BLOCK // max(sizes))
    batch = len(box.like)
    if batch <= rows:
        return _gradient(problem, chosen, weights)
    # One piece of memory, which is asked for and given back as one.
    lower, upper = box.like.new_empty((2, *box.like.shape)).unbind()
    for start in range(0, batch, rows):
        part = slice(start, start + rows)
        found = _gradient(problem.part(part), chosen.part(part), weights)
        lower[part], upper[part] = found.lower, found.upper
    return Interval(lower, upper)


def _gradient(problem: Problem, chosen: Score, weights: Mapping[str, Interval]) -> Interval:
    graph, box, last = problem.graph, problem.box, chosen.node
    # A linear score has the same cotangent whatever the logits are.
    spared = chosen.is_linear and last != graph.input
    bounds = forward(graph, box, weights, last, problem.within, spared)
    if spared:
        shape = (len(box.like), *graph.shapes[last][1:])
        logits = Interval.point(box.like.new_zeros(()).expand(shape))
    else:
        logits = bounds[last]
    return backward(graph, bounds, last, chosen.cotangent(logits))[graph.input]


def outputs(problem: Problem) -> Interval:
    """Bounds on the outputs. Differentiable."""
    graph = problem.graph
    return forward(graph, problem.box, problem.weights, graph.output)[graph.output]


def margins(problem: Problem, chosen: Score) -> Interval:
    """Bounds on how far the chosen class is ahead of each, [batch, class]. Differentiable."""
    graph = problem.graph
    bounds = forward(graph, problem.box, problem.weights, chosen.node)
    logits = bounds[chosen.node]
    node = None if chosen.node == graph.input else graph[chosen.node]
    if node is not None and isinstance(node.op, ops.Linear) and logits.lower.ndim == 2:
        # The last layer's rows are subtracted before they meet its operand.
        x, weight = bounds[node.operands[0]], bounds[node.operands[1]]
        ahead = bilinear(
            lambda a, rows, _: (rows @ a.unsqueeze(-1)).squeeze(-1),
            weight.lower.shape[1],
            x,
            _ahead(weight, chosen.first),
        )
        if len(node.operands) > 2:
            ahead = add(ahead, _ahead(bounds[node.operands[2]], chosen.first))
    else:
        flat = Interval(by_class(logits.lower), by_class(logits.upper))
        index = chosen.first[:, None]
        own = Interval(flat.lower.gather(1, index), flat.upper.gather(1, index))
        ahead = subtract(own, flat)
    itself = torch.zeros_like(ahead.lower, dtype=torch.bool).scatter(1, chosen.first[:, None], True)
    return Interval(ahead.lower.masked_fill(itself, 0), ahead.upper.masked_fill(itself, 0))


def _ahead(weight: Interval, chosen: Tensor) -> Interval:
    """The chosen class's row less each row, [batch, class, ...]."""
    own = Interval(weight.lower[chosen].unsqueeze(1), weight.upper[chosen].unsqueeze(1))
    return subtract(own, weight)


def forward(
    graph: Graph,
    box: Interval,
    weights: Mapping[str, Interval],
    last: str,
    within: Mapping[str, Interval] | None = None,
    spared: bool = False,
) -> Bounds:
    """Bounds of every value and tensor that `last` is computed from, in the dtype of the box.

    Args:
        graph: the network.
        box: bounds of the inputs, [batch, *input_shape].
        weights: bounds of parameters by name; others are the graph's own.
        last: the value up to which bounds are wanted.
        within: see :attr:`Problem.within`.
        spared: whether `last` itself is left out.

    Raises:
        UnsupportedOpsError: lists all ops on the way that have no rule.
        DomainError: the bounds overflow.
    """
    check(graph, last)
    needed = graph.ancestors([last]) - ({last} if spared else set())
    bounds = _tensors(graph, box, weights, needed)
    bounds[graph.input] = box
    carry([node for node in graph.nodes if node.name in needed], bounds, within or {})
    return bounds


def _tensors(
    graph: Graph, box: Interval, weights: Mapping[str, Interval], needed: set[str]
) -> Bounds:
    """Bounds of parameters and constants in the dtype of the box."""
    dtype, device = box.like.dtype, box.like.device
    return {
        name: (weights.get(name) or Interval.point(tensor)).to(dtype, device)
        for name, tensor in graph.tensors.items()
        if name in needed
    }


def backward(
    graph: Graph,
    bounds: Bounds,
    last: str,
    cotangent: Interval,
    tighter: Callable[[str, Interval], Interval] | None = None,
) -> Bounds:
    """Bounds on the gradient by every value that depends on the input.

    Args:
        graph: the network.
        bounds: bounds of values and tensors, as of :func:`forward`.
        last: the value whose cotangent is given.
        cotangent: bounds on the gradient by it, of its shape.
        tighter: what else is known of the gradient by a value, given its name and its bounds,
            which it may narrow before they are carried on.

    Returns:
        Interval by name, each of the value's shape; the input's is the explanation.

    Raises:
        DomainError: the bounds overflow.
    """
    found: Bounds = {}
    parts = {last: [cotangent]}
    kept: set[str] = set()  # values whose cotangent is finite if that behind them is
    with plain_sums():
        for node in reversed(graph.nodes):
            if node.name not in parts:
                continue
            found[node.name] = _total(parts[node.name])
            if tighter is not None:
                found[node.name] = tighter(node.name, found[node.name])
            operands = [bounds[name] for name in node.operands]
            back = RULES[type(node.op)](node.op, found[node.name], *operands)
            for name, part in zip(node.operands, back, strict=False):
                if part is None or graph.shapes[name][:1] != (BATCH,):
                    continue
                parts.setdefault(name, []).append(part)
                if isinstance(node.op, KEEPING):
                    kept.add(name)
        if graph.input in parts:
            found[graph.input] = _total(parts[graph.input])
    computed = [part for name, part in found.items() if name not in kept or len(parts[name]) > 1]
    if not is_finite(*(end for part in computed for end in (part.lower, part.upper))):
        raise DomainError(
            f"the bounds of the gradient overflow in {cotangent.lower.dtype}: the box, the weights"
            " or the depth are too large"
        )
    if graph.input not in found:
        zero = torch.zeros_like(bounds[graph.input].like)
        found[graph.input] = Interval.point(zero)
    if tighter is not None:
        found[graph.input] = tighter(graph.input, found[graph.input])
    return found


def _total(parts: Sequence[Interval]) -> Interval:
    """The sum of what the consumers of a value hand back, taken in any order."""
    if len(parts) < 3:
        return parts[0] if len(parts) == 1 else add(*parts)
    eps, tiny = limits(parts[0].lower)
    lower = torch.stack([part.lower for part in parts])
    upper = torch.stack([part.upper for part in parts])
    size = torch.maximum(lower.abs(), upper.abs()).sum(0)
    slack = size * ((len(parts) + 8) * eps) + tiny
    return outward(lower.sum(0) - slack, upper.sum(0) + slack, 1)


def check(graph: Graph, last: str) -> None:
    """Raises UnsupportedOpsError with every node up to `last` whose gradient has no rule."""
    needed = graph.ancestors([last])
    faults = []
    for node in graph.nodes:
        if node.name not in needed:
            continue
        fault = None if type(node.op) in RULES else ""
        varying = any(graph.shapes[name][:1] == (BATCH,) for name in node.operands[1:])
        if varying and isinstance(node.op, ops.Linear | ops.Conv | ops.BatchNorm | ops.PRelu):
            fault = " (its weights depend on the input)"
        if fault is not None:
            faults.append((type(node.op).__name__ + fault, node.module or node.name))
    if faults:
        raise UnsupportedOpsError("Ops whose gradient cannot be bounded:", faults)
