"""Matrix products, batch norm and arithmetic."""

from __future__ import annotations

from affidavit.graph import ops
from affidavit.graph.builder import Inexpressible
from affidavit.graph.onnx.call import Call, converts


@converts("Gemm", to=[ops.Linear])
def _gemm(call: Call) -> str:
    a = call.attributes
    x, weight = call.value(0), call.value(1)
    if a.get("transA", 0):
        raise Inexpressible("a transposed input")
    alpha, beta = a.get("alpha", 1.0), a.get("beta", 1.0)
    bias = call.value(2) if call.has(2) else None
    if alpha != 1:
        weight = call.add(ops.Mul(), weight, alpha, hint=".weight")
    if bias is not None and beta != 1:
        bias = call.add(ops.Mul(), bias, beta, hint=".bias")
    transposed = bool(a.get("transB", 0))
    out = call.shape(weight)[0 if transposed else 1]
    if bias is None or call.shape(bias) == (out,):
        return call.builder.linear(x, weight, bias, transposed=transposed, **call.where)
    product = call.builder.linear(x, weight, transposed=transposed, **call.where)
    return call.add(ops.Add(), product, bias)


@converts("MatMul", to=[ops.Linear])
def _matmul(call: Call) -> str:
    left, right = call.value(0), call.value(1)
    return call.builder.matmul(left, right, vectors=call.unbatched, **call.where)


@converts("BatchNormalization", to=[ops.BatchNorm])
def _batch_norm(call: Call) -> str:
    if call.attributes.get("training_mode", 0):
        raise Inexpressible("batch statistics instead of running ones")
    statistics = [call.value(index, parameter=False) for index in (3, 4)]
    op = ops.BatchNorm(call.attributes.get("epsilon", 1e-5))
    return call.add(op, call.value(0), call.value(1), call.value(2), *statistics)


@converts("ReduceMean", to=[ops.Mean])
def _mean(call: Call) -> str:
    x = call.value(0)
    axes = call.integers(1, "axes")
    if axes is None and call.attributes.get("noop_with_empty_axes", 0):
        return x
    chosen = range(len(call.shape(x))) if not axes else [call.axis(x, axis) for axis in axes]
    return call.add(ops.Mean(tuple(sorted(chosen)), bool(call.attributes.get("keepdims", 1))), x)


def _binary(name: str, op: ops.Op) -> None:
    @converts(name, to=[type(op)])
    def convert(call: Call) -> str:
        # max, min and sum take any number of operands.
        result, *rest = call.values()
        for value in rest:
            result = call.add(op, result, value)
        return result


_binary("Add", ops.Add())


_binary("Sub", ops.Sub())


_binary("Mul", ops.Mul())


_binary("Div", ops.Div())


_binary("Sum", ops.Add())


_binary("Max", ops.Maximum())


_binary("Min", ops.Minimum())


@converts("Reciprocal", to=[ops.Div])
def _reciprocal(call: Call) -> str:
    return call.add(ops.Div(), 1.0, call.value(0))


@converts("Neg", to=[ops.Mul])
def _neg(call: Call) -> str:
    return call.add(ops.Mul(), call.value(0), -1.0)
