"""Interval bound propagation, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from affidavit.certify.backward import RULES
from affidavit.certify.problem import Problem
from affidavit.certify.target import Score
from affidavit.errors import DomainError, UnsupportedOpsError
from affidavit.graph import BATCH, Graph, Interval, ops, propagate
from affidavit.graph.intervals.interval import add, bilinear, limits, outward, subtract
from affidavit.graph.intervals.propagate import plain_sums

Bounds = dict[str, Interval]


def gradient(problem: Problem, chosen: Score) -> Interval:
    """Bounds on the gradient. Differentiable."""
    bounds = forward(problem.graph, problem.box, problem.weights, chosen.node, problem.within)
    cotangent = chosen.cotangent(bounds[chosen.node])
    return backward(problem.graph, bounds, chosen.node, cotangent)[problem.graph.input]


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
            lambda a, rows: (rows @ a.unsqueeze(-1)).squeeze(-1),
            weight.lower.shape[1],
            x,
            _ahead(weight, chosen.first),
        )
        if len(node.operands) > 2:
            ahead = add(ahead, _ahead(bounds[node.operands[2]], chosen.first))
    else:
        flat = Interval(logits.lower.flatten(1), logits.upper.flatten(1))
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
) -> Bounds:
    """Bounds of every value and tensor that `last` is computed from, in the dtype of the box.

    Args:
        graph: the network.
        box: bounds of the inputs, [batch, *input_shape].
        weights: bounds of parameters by name; others are the graph's own.
        last: the value up to which bounds are wanted.
        within: see :attr:`Problem.within`.
    """
    check(graph, last)
    needed = graph.ancestors([last])
    nodes = [node.name for node in graph.nodes if node.name in needed]
    dtype, device = box.lower.dtype, box.lower.device
    tensors = {
        name: (weights.get(name) or Interval.point(tensor)).to(dtype, device)
        for name, tensor in graph.tensors.items()
        if name in needed
    }
    return {
        **tensors,
        graph.input: box,
        **propagate(graph, box, tensors, names=nodes, dtype=dtype, within=within),
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
    overflow = torch.zeros((), dtype=torch.bool, device=cotangent.lower.device)
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
        if graph.input in parts:
            found[graph.input] = _total(parts[graph.input])
        for part in found.values():
            overflow = overflow | ~(
                torch.isfinite(part.lower).all() & torch.isfinite(part.upper).all()
            )
    if bool(overflow):
        raise DomainError(
            f"the bounds of the gradient overflow in {cotangent.lower.dtype}: the box, the weights"
            " or the depth are too large"
        )
    if graph.input not in found:
        zero = torch.zeros_like(bounds[graph.input].lower)
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
