"""Merges affine ops that follow each other: batch norm and constants into weights."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from affidavit.graph import ops
from affidavit.graph.graph import Graph, Node
from affidavit.graph.passes.rewrite import Rewrite
from affidavit.graph.passes.view import View


class Scaling(NamedTuple):
    """A node that computes `scale * x + shift` with constants that broadcast against x."""

    x: str
    scale: Tensor
    shift: Tensor


def fold_batch_norm(graph: Graph) -> View:
    """The graph with every batch norm merged into the linear op or convolution that it follows.

    One that follows something else becomes a product and a sum.
    """
    draft = Rewrite(graph)
    for node in graph.nodes:
        if isinstance(node.op, ops.BatchNorm):
            scaling = _scaling(draft, node)
            if scaling is not None and not _into_producer(draft, node, scaling):
                _as_product_and_sum(draft, node, scaling)
    return draft.view()


def merge_affine(graph: Graph) -> View:
    """The graph with successive affine ops as one, wherever one set of weights can say both.

    Linear after linear; a scaling by constants (batch norm, or a sum, difference, product or
    quotient with a constant) after a linear op or convolution, or before one; scalings after each
    other. Only a value with a single use is merged away. New weights are in double precision.
    """
    draft = Rewrite(graph)
    for original in graph.nodes:
        # What was merged into a node may let it merge further.
        while _merge_one(draft, draft.nodes[original.name]):
            pass
    return draft.view()


def _merge_one(draft: Rewrite, node: Node) -> bool:
    scaling = _scaling(draft, node)
    if scaling is not None:
        return _into_producer(draft, node, scaling) or _into_scaling(draft, node, scaling)
    if isinstance(node.op, ops.Linear | ops.Conv):
        return _linear_after_linear(draft, node) or _scaling_before(draft, node)
    return False


def _scaling(draft: Rewrite, node: Node) -> Scaling | None:
    constants = [draft.constant(name) for name in node.operands]
    one, zero = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    match node.op, constants:
        case ops.BatchNorm(epsilon=epsilon), [None, Tensor(), Tensor(), Tensor(), Tensor()]:
            weight, bias, mean, variance = (c for c in constants if c is not None)
            scale = weight / torch.sqrt(variance + epsilon)
            shape = (-1, *(1,) * (len(draft.shape(node.name)) - 2))
            return Scaling(
                node.operands[0], scale.reshape(shape), (bias - mean * scale).reshape(shape)
            )
        case ops.Add(), [None, Tensor() as c]:
            found = Scaling(node.operands[0], one, c)
        case ops.Add(), [Tensor() as c, None]:
            found = Scaling(node.operands[1], one, c)
        case ops.Sub(), [None, Tensor() as c]:
            found = Scaling(node.operands[0], one, -c)
        case ops.Sub(), [Tensor() as c, None]:
            found = Scaling(node.operands[1], -one, c)
        case ops.Mul(), [None, Tensor() as c]:
            found = Scaling(node.operands[0], c, zero)
        case ops.Mul(), [Tensor() as c, None]:
            found = Scaling(node.operands[1], c, zero)
        case ops.Div(), [None, Tensor() as c]:
            found = Scaling(node.operands[0], 1 / c, zero)
        case _:
            return None
    # A constant that widens x is not a scaling of it.
    return found if draft.shape(found.x) == draft.shape(node.name) else None


def _along(constant: Tensor, shape: tuple[int, ...], axis: int) -> Tensor | None:
    """The constant as a vector along one axis of a value's shape, if it varies along no other."""
    expanded = constant.reshape((1,) * (len(shape) - constant.ndim) + tuple(constant.shape))
    if any(extent != 1 for i, extent in enumerate(expanded.shape) if i != axis):
        return None
    return expanded.reshape(-1).expand(shape[axis])


def _channel_axis(op: ops.Op, shape: tuple[int, ...]) -> int:
    return 1 if isinstance(op, ops.Conv) else len(shape) - 1


def _weights(draft: Rewrite, node: Node) -> tuple[Tensor, Tensor] | None:
    """Weight and bias (zeros where absent) of a linear op or convolution with constant ones."""
    if not isinstance(node.op, ops.Linear | ops.Conv):
        return None
    constants = [draft.constant(name) for name in node.operands[1:]]
    weight = constants[0]
    if weight is None or any(c is None for c in constants):
        return None
    bias = constants[1] if len(constants) > 1 else None
    return weight, weight.new_zeros(len(weight)) if bias is None else bias


def _set_weights(
    draft: Rewrite, node: Node, op: ops.Op, x: str, weight: Tensor, bias: Tensor
) -> None:
    operands = (
        x,
        draft.add_tensor(f"{node.name}.merged_weight", weight.contiguous()),
        draft.add_tensor(f"{node.name}.merged_bias", bias.contiguous()),
    )
    draft.replace(node, op, operands)


def _into_producer(draft: Rewrite, node: Node, scaling: Scaling) -> bool:
    """`scale * (W x + b) + shift` as one linear op or convolution."""
    producer = draft.sole_producer(scaling.x)
    if producer is None:
        return False
    weights = _weights(draft, producer)
    shape = draft.shape(producer.name)
    axis = _channel_axis(producer.op, shape)
    scale, shift = (_along(c, shape, axis) for c in (scaling.scale, scaling.shift))
    if weights is None or scale is None or shift is None:
        return False
    weight, bias = weights
    weight = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))
    x = producer.operands[0]
    _set_weights(draft, node, producer.op, x, weight, bias * scale + shift)
    draft.merge(producer.name, node.name)
    return True


def _into_scaling(draft: Rewrite, node: Node, scaling: Scaling) -> bool:
    """Two sums with constants, or two products, as one."""
    before = draft.sole_producer(scaling.x)
    if before is None:
        return False
    inner = _scaling(draft, before)
    if inner is None:
        return False
    if _is(scaling.scale, 1) and _is(inner.scale, 1):
        op: ops.Op = ops.Add()
        constant = scaling.shift + inner.shift
    elif _is(scaling.shift, 0) and _is(inner.shift, 0):
        op = ops.Mul()
        constant = scaling.scale * inner.scale
    else:
        return False
    draft.replace(node, op, (inner.x, draft.add_tensor(f"{node.name}.merged", constant)))
    draft.merge(before.name, node.name)
    return True


def _linear_after_linear(draft: Rewrite, node: Node) -> bool:
    """`W2 (W1 x + b1) + b2` as one linear op, unless that has more weights than the two."""
    producer = draft.sole_producer(node.operands[0])
    if producer is None:
        return False
    outer, inner = _weights(draft, node), _weights(draft, producer)
    both_linear = isinstance(node.op, ops.Linear) and isinstance(producer.op, ops.Linear)
    if not both_linear or outer is None or inner is None:
        return False
    weight = outer[0] @ inner[0]
    if weight.numel() > outer[0].numel() + inner[0].numel():
        return False
    bias = outer[0] @ inner[1] + outer[1]
    _set_weights(draft, node, node.op, producer.operands[0], weight, bias)
    draft.merge(producer.name, node.name)
    return True


def _scaling_before(draft: Rewrite, node: Node) -> bool:
    """`W (scale * x + shift) + b` as one linear op or convolution."""
    before = draft.sole_producer(node.operands[0])
    if before is None:
        return False
    weights, scaling = _weights(draft, node), _scaling(draft, before)
    if weights is None or scaling is None:
        return False
    shape = draft.shape(before.name)
    axis = _channel_axis(node.op, shape)
    scale, shift = (_along(c, shape, axis) for c in (scaling.scale, scaling.shift))
    if scale is None or shift is None:
        return False
    weight, bias = weights
    if isinstance(node.op, ops.Conv):
        padded = any(width for pair in node.op.padding for width in pair)
        if node.op.groups != 1 or (padded and not _is(shift, 0)):
            return False  # a shift would not reach the padded zeros
    spread = (1, -1, *(1,) * (weight.ndim - 2))
    bias = bias + (weight * shift.reshape(spread)).flatten(1).sum(1)
    _set_weights(draft, node, node.op, scaling.x, weight * scale.reshape(spread), bias)
    draft.merge(before.name, node.name)
    return True


def _as_product_and_sum(draft: Rewrite, node: Node, scaling: Scaling) -> None:
    product = draft.add_node_before(
        node, f"{node.name}.scaled", ops.Mul(), scaling.x, scaling.scale
    )
    shift = draft.add_tensor(f"{node.name}.shift", scaling.shift)
    draft.replace(node, ops.Add(), (product, shift))


def _is(constant: Tensor, value: float) -> bool:
    return bool((constant == value).all())
