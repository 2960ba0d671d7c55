"""The network with every kink rounded off, so that its gradient has a slope to climb.

The gradient of a ReLU network is constant on each linear region: descent on it stands still.
Here each kink is bent over a width that an attack chooses, `max(z, 0)` becoming
`log(1 + exp(βz)) / β`, and the network is twice differentiable. Source: Dombrowski et al. 2019.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from affidavit.certify import windows
from affidavit.graph import BATCH, Graph, Node, ops
from affidavit.graph.interpreter import evaluate
from affidavit.graph.ops import Op

Rule: TypeAlias = Callable[..., Tensor]


def smooth_value(
    graph: Graph,
    last: str,
    x: Tensor,
    sharpness: Mapping[str, Tensor],
    params: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """The value of a node at a batch of inputs, kinks rounded off.

    Args:
        graph: the network.
        last: the value that is wanted.
        x: inputs, [batch, *input_shape].
        sharpness: β by the name of each node in :func:`kinks`: [batch], or one number for all.
        params: tensors in place of the graph's own.
    """
    needed = graph.ancestors([last])
    tensors = {**graph.tensors, **(params or {})}
    env = {
        name: tensor.to(x.device, x.dtype) if tensor.is_floating_point() else tensor.to(x.device)
        for name, tensor in tensors.items()
        if name in needed
    }
    env[graph.input] = x
    for node in graph.nodes:
        if node.name not in needed:
            continue
        operands = [env[name] for name in node.operands]
        if node.name in sharpness:
            beta = sharpness[node.name]
            beta = beta.reshape(-1, *(1,) * (len(graph.shapes[node.name]) - 1))
            env[node.name] = RULES[type(node.op)](node.op, beta, *operands)
        else:
            env[node.name] = evaluate(node.op, *operands)
    return env[last]


def kinks(graph: Graph, last: str) -> list[Node]:
    """The nodes up to `last` that bend at a kink as the input moves."""
    needed = graph.ancestors([last])
    return [
        node
        for node in graph.nodes
        if node.name in needed
        and type(node.op) in RULES
        and graph.shapes[node.name][:1] == (BATCH,)
    ]


def crossing(node: Node, values: Mapping[str, Tensor]) -> Tensor:
    """What changes sign where a node bends: its operand, or the difference of its operands."""
    if isinstance(node.op, ops.Maximum | ops.Minimum):
        a, b = (values[name] for name in node.operands)
        return a - b
    return values[node.operands[0]]


def _positive(z: Tensor, beta: Tensor) -> Tensor:
    """`max(z, 0)`, rounded off."""
    bent: Tensor = F.softplus(z * beta) / beta
    return bent


def _clip(op: ops.Clip, beta: Tensor, x: Tensor) -> Tensor:
    if math.isinf(op.lower):
        return x if math.isinf(op.upper) else x - _positive(x - op.upper, beta)
    rising = op.lower + _positive(x - op.lower, beta)
    return rising if math.isinf(op.upper) else rising - _positive(x - op.upper, beta)


def _leaky(x: Tensor, beta: Tensor, slope: float | Tensor) -> Tensor:
    return slope * x + (1 - slope) * _positive(x, beta)


def _max_pool(op: ops.MaxPool, beta: Tensor, x: Tensor) -> Tensor:
    window = windows.of(op, tuple(x.shape[2:]), x.device)
    parts = window.gather(x, -math.inf)
    bent = torch.logsumexp(parts * beta.flatten()[:, None, None, None], -1) / beta.reshape(-1, 1, 1)
    shape = evaluate(op, torch.empty(x.shape, device="meta")).shape
    return bent.reshape(shape)


RULES: dict[type[Op], Rule] = {
    ops.Relu: lambda op, beta, x: _positive(x, beta),
    ops.Clip: _clip,
    ops.LeakyRelu: lambda op, beta, x: _leaky(x, beta, op.slope),
    ops.PRelu: lambda op, beta, x, slope: _leaky(x, beta, slope),
    ops.Abs: lambda op, beta, x: _positive(x, beta) + _positive(-x, beta),
    ops.Maximum: lambda op, beta, a, b: b + _positive(a - b, beta),
    ops.Minimum: lambda op, beta, a, b: a - _positive(a - b, beta),
    ops.MaxPool: _max_pool,
}
"""A smooth stand-in for every piecewise linear op, by its sharpness β."""
