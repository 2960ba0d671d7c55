"""Activations and softmax."""

from __future__ import annotations

from affidavit.graph import ops
from affidavit.graph.aten.call import Call, converts
from affidavit.graph.builder import Inexpressible


@converts("relu.default", to=[ops.Relu])
def _relu(call: Call) -> str:
    return call.add(ops.Relu(), call.args.self)


@converts("relu6.default", to=[ops.Clip])
def _relu6(call: Call) -> str:
    return call.add(ops.Clip(0.0, 6.0), call.args.self)


@converts("hardtanh.default", to=[ops.Clip])
def _hardtanh(call: Call) -> str:
    return call.add(ops.Clip(float(call.args.min_val), float(call.args.max_val)), call.args.self)


@converts("clamp.default", "clamp_min.default", "clamp_max.default", to=[ops.Clip, ops.Relu])
def _clamp(call: Call) -> str:
    low, high = getattr(call.args, "min", None), getattr(call.args, "max", None)
    if low == 0 and high is None:
        return call.add(ops.Relu(), call.args.self)
    lower = float("-inf") if low is None else float(low)
    return call.add(ops.Clip(lower, float("inf") if high is None else float(high)), call.args.self)


@converts("leaky_relu.default", to=[ops.LeakyRelu])
def _leaky_relu(call: Call) -> str:
    return call.add(ops.LeakyRelu(float(call.args.negative_slope)), call.args.self)


@converts("prelu.default", to=[ops.PRelu, ops.Reshape])
def _prelu(call: Call) -> str:
    x, slope = call.args.self, call.args.weight
    rank = len(call.shape(x))
    if rank > 2 and call.shape(slope) != (1,):
        shape = (1, *call.shape(slope), *(1,) * (rank - 2))
        slope = call.builder.reshape(slope, shape, name=f"{call.name}.slope", module=call.module)
    return call.add(ops.PRelu(), x, slope)


@converts("abs.default", to=[ops.Abs])
def _abs(call: Call) -> str:
    return call.add(ops.Abs(), call.args.self)


@converts("maximum.default", to=[ops.Maximum])
def _maximum(call: Call) -> str:
    return call.add(ops.Maximum(), call.args.self, call.args.other)


@converts("minimum.default", to=[ops.Minimum])
def _minimum(call: Call) -> str:
    return call.add(ops.Minimum(), call.args.self, call.args.other)


@converts("sigmoid.default", to=[ops.Sigmoid])
def _sigmoid(call: Call) -> str:
    return call.add(ops.Sigmoid(), call.args.self)


@converts("tanh.default", to=[ops.Tanh])
def _tanh(call: Call) -> str:
    return call.add(ops.Tanh(), call.args.self)


@converts("softplus.default", to=[ops.Softplus])
def _softplus(call: Call) -> str:
    return call.add(ops.Softplus(float(call.args.beta), float(call.args.threshold)), call.args.self)


@converts("elu.default", to=[ops.Elu])
def _elu(call: Call) -> str:
    a = call.args
    if a.input_scale != 1:
        raise Inexpressible(f"ELU with input scale {a.input_scale}")
    return call.add(ops.Elu(float(a.alpha), float(a.scale)), a.self)


@converts("celu.default", to=[ops.Mul, ops.Elu])
def _celu(call: Call) -> str:
    # max(x, 0) + min(alpha (exp(x / alpha) - 1), 0) is an ELU of x / alpha, times alpha.
    alpha = float(call.args.alpha)
    scaled = call.add(ops.Mul(), call.args.self, 1 / alpha, hint=".scaled")
    return call.add(ops.Elu(1.0, alpha), scaled)


@converts("gelu.default", to=[ops.Gelu])
def _gelu(call: Call) -> str:
    return call.add(ops.Gelu(call.args.approximate), call.args.self)


@converts("silu.default", to=[ops.Silu])
def _silu(call: Call) -> str:
    return call.add(ops.Silu(), call.args.self)


@converts("softmax.int", "_softmax.default", to=[ops.Softmax])
def _softmax(call: Call) -> str:
    return call.add(ops.Softmax(call.axis(call.args.self, call.args.dim)), call.args.self)


@converts("log_softmax.int", "_log_softmax.default", to=[ops.LogSoftmax])
def _log_softmax(call: Call) -> str:
    return call.add(ops.LogSoftmax(call.axis(call.args.self, call.args.dim)), call.args.self)
