"""Removes what changes nothing, and joins movements that follow each other."""

from __future__ import annotations

import math

from affidavit.graph import ops
from affidavit.graph.graph import Graph, Node
from affidavit.graph.passes.rewrite import Rewrite
from affidavit.graph.passes.view import View


def drop_identities(graph: Graph) -> View:
    """The graph without reshapes to the same shape, transposes to the same order, paddings by
    nothing, clips without bounds, poolings of single entries, sums with zero, products with one;
    and with two reshapes or two transposes in a row as one.
    """
    draft = Rewrite(graph)
    for original in graph.nodes:
        node = draft.nodes[original.name]
        _join(draft, node)
        node = draft.nodes[original.name]
        kept = _identity_of(draft, node)
        if kept is not None:
            draft.forward(node.name, kept)
    return draft.view()


def _join(draft: Rewrite, node: Node) -> None:
    before = draft.nodes.get(node.operands[0])
    if before is None:
        return
    if isinstance(node.op, ops.Reshape) and isinstance(before.op, ops.Reshape):
        op: ops.Op = node.op
    elif isinstance(node.op, ops.Transpose) and isinstance(before.op, ops.Transpose):
        op = ops.Transpose(tuple(before.op.axes[axis] for axis in node.op.axes))
    else:
        return
    single = draft.only_user(before.name)
    draft.replace(node, op, before.operands)
    if single:
        draft.merge(before.name, node.name)


def _identity_of(draft: Rewrite, node: Node) -> str | None:
    """The operand whose value the node has, or None when it computes something."""
    x = node.operands[0]
    match node.op:
        case ops.Reshape(shape=shape):
            same = shape == draft.shape(x)
        case ops.Transpose(axes=axes):
            same = axes == tuple(range(len(axes)))
        case ops.Pad(padding=padding):
            same = not any(width for pair in padding for width in pair)
        case ops.Slice(axis=axis, start=0, stop=stop, step=1):
            same = stop == draft.shape(x)[axis]
        case ops.Concat():
            same = len(node.operands) == 1
        case ops.Clip(lower=lower, upper=upper):
            same = (lower, upper) == (-math.inf, math.inf)
        case ops.MaxPool(kernel=kernel, stride=stride, padding=padding):
            same = _single(kernel, stride, padding)
        case ops.AveragePool(kernel=kernel, stride=stride, padding=padding):
            same = _single(kernel, stride, padding)
        case ops.Add():
            return _neutral(draft, node, 0.0, both_sides=True)
        case ops.Sub():
            return _neutral(draft, node, 0.0, both_sides=False)
        case ops.Mul():
            return _neutral(draft, node, 1.0, both_sides=True)
        case ops.Div():
            return _neutral(draft, node, 1.0, both_sides=False)
        case _:
            return None
    return x if same else None


def _single(kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]) -> bool:
    return {*kernel, *stride} == {1} and {*padding} == {0}


def _neutral(draft: Rewrite, node: Node, value: float, *, both_sides: bool) -> str | None:
    first, second = node.operands
    for x, other in [(first, second)] + ([(second, first)] if both_sides else []):
        constant = draft.constant(other) if other not in draft.parameters else None
        if constant is not None and x not in draft.tensors and bool((constant == value).all()):
            return x if draft.shape(x) == draft.shape(node.name) else None
    return None
