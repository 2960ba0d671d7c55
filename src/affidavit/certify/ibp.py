"""Interval bound propagation, forward and backward."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from affidavit.certify.backward import RULES
from affidavit.errors import DomainError, UnsupportedOpsError
from affidavit.graph import BATCH, Graph, Interval, propagate
from affidavit.graph.intervals.interval import add
from affidavit.graph.intervals.propagate import plain_sums

Bounds = dict[str, Interval]


def forward(graph: Graph, box: Interval, weights: Mapping[str, Interval], last: str) -> Bounds:
    """Bounds of every value and tensor that `last` is computed from, in the dtype of the box.

    Args:
        graph: the network.
        box: bounds of the inputs, [batch, *input_shape].
        weights: bounds of parameters by name; others are the graph's own.
        last: the value up to which bounds are wanted.
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
        **propagate(graph, box, tensors, names=nodes, dtype=dtype),
    }


def backward(graph: Graph, bounds: Bounds, last: str, cotangent: Interval) -> Bounds:
    """Bounds on the gradient by every value that depends on the input.

    Args:
        graph: the network.
        bounds: bounds of values and tensors, as of :func:`forward`.
        last: the value whose cotangent is given.
        cotangent: bounds on the gradient by it, of its shape.

    Returns:
        Interval by name, each of the value's shape; the input's is the explanation.

    Raises:
        DomainError: the bounds overflow.
    """
    found = {last: cotangent}
    overflow = torch.zeros((), dtype=torch.bool, device=cotangent.lower.device)
    with plain_sums():
        for node in reversed(graph.nodes):
            if node.name not in found:
                continue
            operands = [bounds[name] for name in node.operands]
            back = RULES[type(node.op)](node.op, found[node.name], *operands)
            for name, part in zip(node.operands, back, strict=False):
                if part is None or graph.shapes[name][:1] != (BATCH,):
                    continue
                found[name] = add(found[name], part) if name in found else part
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
    return found


def check(graph: Graph, last: str) -> None:
    """Raises UnsupportedOpsError with every node up to `last` whose gradient has no rule."""
    needed = graph.ancestors([last])
    faults = []
    for node in graph.nodes:
        if node.name not in needed:
            continue
        batched = [graph.shapes[name][:1] == (BATCH,) for name in node.operands]
        if type(node.op) not in RULES:
            faults.append((type(node.op).__name__, node.module or node.name))
        elif any(batched[1:]) and type(node.op).__name__ in (
            "Linear",
            "Conv",
            "BatchNorm",
            "PRelu",
        ):
            faults.append(
                (
                    f"{type(node.op).__name__} (weights depend on the input)",
                    node.module or node.name,
                )
            )
    if faults:
        raise UnsupportedOpsError("Ops whose gradient cannot be bounded:", faults)
