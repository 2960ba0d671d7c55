"""Forward propagation of intervals through a graph."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from affidavit.errors import DomainError, ModelError, UnsupportedOpsError, nearest
from affidavit.graph.graph import Graph, Node
from affidavit.graph.intervals.interval import Interval, is_finite, meet
from affidavit.graph.intervals.plain import plain_sums
from affidavit.graph.intervals.rules import RULES
from affidavit.graph.ops import MOVEMENT, Op, Pad, Relu


def propagate(
    graph: Graph,
    box: Interval,
    params: Mapping[str, Interval] | None = None,
    *,
    names: Iterable[str] | None = None,
    dtype: torch.dtype = torch.float64,
    within: Mapping[str, Interval] | None = None,
) -> dict[str, Interval]:
    """Bounds on every value of a graph over a box of inputs and, if asked, of parameters.

    Interval bound propagation in centre/radius form, rounded outward: for every input in the box
    and every choice of parameters in theirs, the value of each node, computed in real numbers
    from the stored weights, lies within its bounds. A network that itself runs in float32 adds
    its own rounding to that.

    Args:
        graph: the network.
        box: bounds of the inputs, shape [batch, *input_shape], finite.
        params: bounds of parameters, by name; others are the graph's own.
        names: the values wanted; all nodes that depend on the input when None.
        dtype: arithmetic of the propagation. In float32 the bounds are sound too, but looser.
        within: bounds of values, by name, that only those inputs are asked about whose values keep
            them. Where there is no such input, bounds may cross.

    Returns:
        Interval by name.

    Raises:
        UnsupportedOpsError: lists all nodes whose op has no interval rule.
        DomainError: an empty or infinite box, a division by an interval around 0, or bounds
            that overflow.

    Guarantee: `sound`. Source: Gowal et al. 2018 (IBP); Rump 1999 (centre/radius products).
    """
    _check(graph, box, params or {})
    wanted = [node.name for node in graph.nodes] if names is None else list(names)
    needed = graph.ancestors(wanted)
    nodes = [node for node in graph.nodes if node.name in needed]
    faults = [
        (type(node.op).__name__, node.module or node.name)
        for node in nodes
        if type(node.op) not in RULES
    ]
    if faults:
        raise UnsupportedOpsError("Ops without an interval rule:", faults)
    device = box.lower.device
    env = {
        name: ((params or {}).get(name) or Interval.point(tensor)).to(dtype, device)
        for name, tensor in graph.tensors.items()
    }
    env[graph.input] = box.to(dtype, device)
    carry(nodes, env, within or {})
    return {name: env[name] for name in wanted}


def carry(nodes: Sequence[Node], env: dict[str, Interval], within: Mapping[str, Interval]) -> None:
    """Adds the bounds of nodes to those of the input and the tensors, unchecked and in place.

    Raises:
        DomainError: the bounds overflow.
    """
    some = next(iter(env.values())).like
    finite: list[Tensor] = []
    padded: set[str] = set()  # values that hold the infinite padding of a max-pool by right
    with plain_sums():
        for node in nodes:
            value = RULES[type(node.op)](node.op, *[env[operand] for operand in node.operands])
            if node.name in within:
                value = meet(value, within[node.name])
            env[node.name] = value
            if _pads_infinity(node.op) or (
                isinstance(node.op, MOVEMENT) and not padded.isdisjoint(node.operands)
            ):
                padded.add(node.name)
            elif not isinstance(node.op, KEEPING) or not padded.isdisjoint(node.operands):
                finite += [value.lower] if value.is_point else [value.lower, value.upper]
    if not is_finite(*finite):
        raise DomainError(
            f"the bounds overflow in {some.dtype}: the box, the weights or the depth are too large"
        )


KEEPING = (*MOVEMENT, Relu)
"""Ops that give finite bounds of finite ones, so that there is nothing to look for."""


def _pads_infinity(op: Op) -> bool:
    return isinstance(op, Pad) and math.isinf(op.value)


def _check(graph: Graph, box: Interval, params: Mapping[str, Interval]) -> None:
    Interval.between(box.lower, box.upper)
    if tuple(box.lower.shape[1:]) != graph.input_shape or box.lower.ndim == 0:
        raise DomainError(
            f"the box has the shape {list(box.lower.shape)}; expected"
            f" [batch, {', '.join(map(str, graph.input_shape))}]"
        )
    for name, interval in params.items():
        if name not in graph.tensors:
            raise ModelError(f"the graph has no tensor {name!r}{nearest(name, graph.tensors)}")
        if interval.lower.shape != graph.tensors[name].shape:
            raise DomainError(
                f"the box of {name!r} has the shape {list(interval.lower.shape)}; expected"
                f" {list(graph.tensors[name].shape)}"
            )
        Interval.between(interval.lower, interval.upper)
