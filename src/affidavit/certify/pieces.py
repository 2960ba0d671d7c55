"""The network where it is one affine map: gradients at single points, and enclosures of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from affidavit.certify.backward import RULES
from affidavit.certify.target import Score
from affidavit.graph import BATCH, Graph, Interval, ops
from affidavit.graph.intervals.interval import add
from affidavit.graph.intervals.plain import plain_sums
from affidavit.graph.ops import Op

_NUMBERS = 1 << 22  # numbers in all values of a batch of points


def of_rows(chosen: Score, rows: Tensor) -> Score:
    """The score of some of the inputs, or of some of them many times over."""
    second = None if chosen.second is None else chosen.second[rows]
    return dataclasses.replace(chosen, first=chosen.first[rows], second=second)


def gradient_at(
    graph: Graph, chosen: Score, x: Tensor, params: Mapping[str, Tensor] | None = None
) -> Tensor:
    """The gradient that PyTorch gives at points, in their dtype: the explanation there.

    Args:
        graph: the network.
        chosen: what the gradient is of, one entry a point.
        x: points, [point, *input_shape].
        params: tensors in place of the graph's own.
    """
    found = []
    for rows in _batches(graph, len(x)):
        points = x[rows].detach().requires_grad_()
        with torch.enable_grad():
            logits = graph.values(points, (chosen.node,), params)[chosen.node]
            score = of_rows(chosen, torch.arange(len(x), device=x.device)[rows]).of(logits)
            (back,) = torch.autograd.grad(score.sum(), points, materialize_grads=True)
        found.append(back)
    return torch.cat(found) if found else torch.zeros_like(x)


def enclosed_at(graph: Graph, chosen: Score, x: Tensor) -> Interval:
    """Bounds on the gradient of the affine piece around each point, wide by rounding alone.

    Which piece it is, the signs of the network's values at the point say; ties of a maximum go to
    the entry of the lowest index. Points should lie in the interior of their piece: at a kink the
    gradient is that of one side, or of none.

    Args:
        graph: a piecewise-linear network.
        chosen: a logit or a margin, one entry a point.
        x: points, [point, *input_shape], float64.
    """
    lower, upper = [], []
    tensors = {name: tensor.to(x.device, x.dtype) for name, tensor in graph.tensors.items()}
    for rows in _batches(graph, len(x)):
        at = of_rows(chosen, torch.arange(len(x), device=x.device)[rows])
        found = _enclosed(graph, at, x[rows], tensors)
        lower.append(found.lower)
        upper.append(found.upper)
    return Interval(torch.cat(lower), torch.cat(upper)) if lower else Interval.point(x)


def _enclosed(graph: Graph, chosen: Score, x: Tensor, tensors: Mapping[str, Tensor]) -> Interval:
    needed = graph.ancestors([chosen.node])
    nodes = [node for node in graph.nodes if node.name in needed]
    with torch.no_grad():
        values = {**tensors, graph.input: x, **graph.values(x, [node.name for node in nodes])}
        found = {chosen.node: chosen.cotangent(Interval.point(values[chosen.node]))}
        with plain_sums():
            for node in reversed(nodes):
                if node.name not in found:
                    continue
                at = untied(node.op, [values[name] for name in node.operands])
                operands = [Interval.point(value) for value in at]
                back = RULES[type(node.op)](node.op, found[node.name], *operands)
                for name, part in zip(node.operands, back, strict=False):
                    if part is None or graph.shapes[name][:1] != (BATCH,):
                        continue
                    found[name] = add(found[name], part) if name in found else part
    return found.get(graph.input) or Interval.point(torch.zeros_like(x))


def untied(op: Op, operands: Sequence[Tensor]) -> list[Tensor]:
    """Operands of the same piece, none of them at a kink of the op.

    Only where they lie is kept, which is all that the backward rules of these ops ask.
    """
    first, *rest = operands
    match op:
        case ops.Clip(lower=lower, upper=upper):
            below, above = torch.full_like(first, -torch.inf), torch.full_like(first, torch.inf)
            first = torch.where(first == lower, torch.nextafter(first, below), first)
            first = torch.where(first == upper, torch.nextafter(first, above), first)
        case ops.Abs():
            first = torch.where(first == 0, -1.0, first)
        case ops.MaxPool():
            # Places in the order of size: equal entries follow each other by index.
            order = first.flatten(2).argsort(dim=-1, descending=True, stable=True)
            first = -order.argsort(dim=-1).to(first.dtype).reshape(first.shape)
        case ops.Maximum() | ops.Minimum() if first.shape == rest[0].shape:
            larger = first >= rest[0] if isinstance(op, ops.Maximum) else first > rest[0]
            return [larger.to(first.dtype), 1 - larger.to(first.dtype)]
    return [first, *rest]


def _batches(graph: Graph, count: int) -> Iterator[slice]:
    """Points that fit in memory together."""
    each = sum(
        torch.Size(shape[1:]).numel() for shape in graph.shapes.values() if shape[:1] == (BATCH,)
    )
    size = max(1, _NUMBERS // max(1, each))
    for start in range(0, count, size):
        yield slice(start, start + size)
