"""Matrix products, batch norm and arithmetic."""

from __future__ import annotations

import torch

from affidavit.graph import ops
from affidavit.graph.aten.call import Call, converts
from affidavit.graph.builder import Inexpressible


@converts("linear.default", to=[ops.Linear])
def _linear(call: Call) -> str:
    a = call.args
    return call.builder.linear(a.input, a.weight, a.bias, transposed=True, **call.where)


@converts("addmm.default", to=[ops.Linear])
def _addmm(call: Call) -> str:
    a = call.args
    if a.alpha != 1 or a.beta != 1:
        raise Inexpressible(f"alpha {a.alpha}, beta {a.beta}")
    return call.builder.linear(a.mat1, a.mat2, a.self, transposed=False, **call.where)


@converts("mm.default", "matmul.default", to=[ops.Linear])
def _matmul(call: Call) -> str:
    a = call.args
    right = a.mat2 if hasattr(a, "mat2") else a.other
    return call.builder.matmul(a.self, right, **call.where)


@converts("_native_batch_norm_legit_no_training.default", "batch_norm.default", to=[ops.BatchNorm])
def _batch_norm(call: Call) -> str:
    a = call.args
    if a.running_mean is None:
        raise Inexpressible("batch statistics instead of running ones")
    mean = call.builder.operand(a.running_mean, call.name)
    ones = torch.ones(call.shape(mean), dtype=torch.float64)
    scale = ones if a.weight is None else a.weight
    shift = torch.zeros_like(ones) if a.bias is None else a.bias
    return call.add(ops.BatchNorm(a.eps), a.input, scale, shift, mean, a.running_var)


@converts("mean.dim", "mean.default", to=[ops.Mean])
def _mean(call: Call) -> str:
    a = call.args
    axes = getattr(a, "dim", None) or range(len(call.shape(a.self)))
    axes = tuple(sorted(call.axis(a.self, axis) for axis in axes))
    return call.add(ops.Mean(axes, getattr(a, "keepdim", False)), a.self)


@converts("add.Tensor", "add.Scalar", to=[ops.Add])
def _add(call: Call) -> str:
    return _sum(call, ops.Add())


@converts("sub.Tensor", "sub.Scalar", to=[ops.Sub])
def _sub(call: Call) -> str:
    return _sum(call, ops.Sub())


def _sum(call: Call, op: ops.Op) -> str:
    a = call.args
    if a.alpha == 1:
        return call.add(op, a.self, a.other)
    if isinstance(a.other, int | float):
        return call.add(op, a.self, a.alpha * a.other)
    return call.add(op, a.self, call.add(ops.Mul(), a.other, a.alpha))


@converts("mul.Tensor", "mul.Scalar", to=[ops.Mul])
def _mul(call: Call) -> str:
    return call.add(ops.Mul(), call.args.self, call.args.other)


@converts("div.Tensor", "div.Scalar", to=[ops.Div])
def _div(call: Call) -> str:
    return call.add(ops.Div(), call.args.self, call.args.other)


@converts("reciprocal.default", to=[ops.Div])
def _reciprocal(call: Call) -> str:
    return call.add(ops.Div(), 1.0, call.args.self)


@converts("neg.default", to=[ops.Mul])
def _neg(call: Call) -> str:
    return call.add(ops.Mul(), call.args.self, -1.0)
