"""Activations and softmax."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from affidavit.graph import ops
from affidavit.graph.builder import Inexpressible
from affidavit.graph.graph import Node
from affidavit.graph.onnx.call import Call, Comparison, converts


def _elementwise(name: str, op: Callable[[dict[str, Any]], ops.Op], gives: type[ops.Op]) -> None:
    @converts(name, to=[gives])
    def convert(call: Call) -> str:
        return call.add(op(call.attributes), call.value(0))


_elementwise("Relu", lambda a: ops.Relu(), ops.Relu)


_elementwise("LeakyRelu", lambda a: ops.LeakyRelu(a.get("alpha", 0.01)), ops.LeakyRelu)


_elementwise("Abs", lambda a: ops.Abs(), ops.Abs)


_elementwise("Sigmoid", lambda a: ops.Sigmoid(), ops.Sigmoid)


_elementwise("Tanh", lambda a: ops.Tanh(), ops.Tanh)


_elementwise("Softplus", lambda a: ops.Softplus(), ops.Softplus)


_elementwise("Elu", lambda a: ops.Elu(a.get("alpha", 1.0)), ops.Elu)


_elementwise(
    "Selu",
    lambda a: ops.Elu(
        a.get("alpha", 1.67326319217681884765625), a.get("gamma", 1.05070102214813232421875)
    ),
    ops.Elu,
)


_elementwise("Gelu", lambda a: ops.Gelu(a.get("approximate", "none")), ops.Gelu)


@converts("Celu", to=[ops.Mul, ops.Elu])
def _celu(call: Call) -> str:
    alpha = call.attributes.get("alpha", 1.0)
    scaled = call.add(ops.Mul(), call.value(0), 1 / alpha, hint=".scaled")
    return call.add(ops.Elu(1.0, alpha), scaled)


@converts("Swish", to=[ops.Silu])
def _swish(call: Call) -> str:
    if call.attributes.get("alpha", 1.0) != 1:
        raise Inexpressible(f"alpha {call.attributes['alpha']}")
    return call.add(ops.Silu(), call.value(0))


@converts("Clip", to=[ops.Clip, ops.Relu])
def _clip(call: Call) -> str:
    lower = call.scalar(1, "min", -math.inf)
    upper = call.scalar(2, "max", math.inf)
    if (lower, upper) == (0, math.inf):
        return call.add(ops.Relu(), call.value(0))
    return call.add(ops.Clip(lower, upper), call.value(0))


@converts("HardSigmoid", to=[ops.Mul, ops.Add, ops.Clip])
def _hard_sigmoid(call: Call) -> str:
    return _hard(call, call.attributes.get("alpha", 0.2), call.attributes.get("beta", 0.5))


@converts("HardSwish", to=[ops.Mul, ops.Add, ops.Clip])
def _hard_swish(call: Call) -> str:
    return call.add(ops.Mul(), call.value(0), _hard(call, 1 / 6, 0.5))


def _hard(call: Call, alpha: float, beta: float) -> str:
    scaled = call.add(ops.Mul(), call.value(0), alpha, hint=".scaled")
    return call.add(ops.Clip(0.0, 1.0), call.add(ops.Add(), scaled, beta, hint=".shifted"))


@converts("PRelu", to=[ops.PRelu])
def _prelu(call: Call) -> str:
    return call.add(ops.PRelu(), call.value(0), call.value(1))


@converts("Softmax", to=[ops.Softmax])
def _softmax(call: Call) -> str:
    return call.add(ops.Softmax(_softmax_axis(call)), call.value(0))


@converts("LogSoftmax", to=[ops.LogSoftmax])
def _log_softmax(call: Call) -> str:
    return call.add(ops.LogSoftmax(_softmax_axis(call)), call.value(0))


def _softmax_axis(call: Call) -> int:
    x = call.value(0)
    if call.opset >= 13:
        return call.axis(x, call.attributes.get("axis", -1))
    # Before opset 13 all axes from this one on were normalised together.
    axis = call.axis(x, call.attributes.get("axis", 1))
    if axis != len(call.shape(x)) - 1:
        raise Inexpressible("a softmax over several axes at once")
    return axis


@converts("Greater")
def _greater(call: Call) -> Comparison:
    return Comparison(call.value(0), call.scalar(1, "", 0.0))


@converts("Where", to=[ops.Softplus])
def _where(call: Call) -> str:
    """PyTorch's softplus, which its exporter writes as a choice: x itself above the threshold."""
    condition = call.operands[0]
    above, below = call.value(1), call.builder.node(call.value(2))
    if isinstance(condition, Comparison) and below is not None:
        beta = _softplus_beta(call, below, above, condition.value)
        if beta is not None:
            return call.add(ops.Softplus(beta, condition.threshold), above)
    raise Inexpressible("a choice by comparison")


def _softplus_beta(call: Call, node: Node, x: str, scaled: str) -> float | None:
    """The beta for which the node is `softplus(beta x) / beta`, `scaled` being `beta x`."""
    if isinstance(node.op, ops.Softplus):
        return 1.0 if node.operands == (scaled,) and scaled == x else None
    inner, outer = call.builder.node(scaled), call.builder.node(node.operands[0])
    if not isinstance(node.op, ops.Div) or inner is None or outer is None:
        return None
    same = isinstance(outer.op, ops.Softplus) and outer.operands == (scaled,)
    factors = [call.builder.tensors.get(name) for name in (node.operands[1], inner.operands[-1])]
    constant = all(factor is not None and factor.numel() == 1 for factor in factors)
    if not same or not constant or not isinstance(inner.op, ops.Mul) or inner.operands[0] != x:
        return None
    beta, again = (float(factor) for factor in factors if factor is not None)
    return beta if beta == again else None
