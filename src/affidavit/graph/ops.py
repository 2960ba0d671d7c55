"""The closed op set.

An op is frozen data: what is computed and with which attributes. How to evaluate it, bound it or
enumerate its regions is told by rules beside the op set, one table a method.

Conventions. Operands are listed in each docstring in order; those in brackets are optional. Axes
are absolute and non-negative, axis 0 being the batch of every value that depends on the input.
Spatial attributes have one entry a spatial axis (one for 1-D, two for 2-D), paddings a pair of
(before, after).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

Padding: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Op:
    """Base of all ops. Every concrete op is final and listed in :data:`OPS`."""

    operands: ClassVar[tuple[int, int | None]] = (1, 1)
    """Fewest and most operands; None for any number."""


# Affine in the input, given the parameters.


@dataclass(frozen=True)
class Linear(Op):
    """`x @ weight.T + bias` over the last axis. Operands: x, weight [out, in], [bias [out]]."""

    operands = (2, 3)


@dataclass(frozen=True)
class Conv(Op):
    """Cross-correlation in one or two dimensions, zeros as padding.

    Operands: x [batch, channel, *space], weight [out, in / groups, *kernel], [bias [out]].
    """

    stride: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]
    groups: int = 1
    operands = (2, 3)


@dataclass(frozen=True)
class BatchNorm(Op):
    """`(x - mean) / sqrt(variance + epsilon) * scale + shift` by channel (axis 1).

    Operands: x [batch, channel, ...], scale, shift, mean, variance (each [channel]).
    """

    epsilon: float
    operands = (5, 5)


@dataclass(frozen=True)
class AveragePool(Op):
    """Mean over windows. `count_padding`: padded zeros count in the divisor. Operands: x."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    ceil_mode: bool = False
    count_padding: bool = True


@dataclass(frozen=True)
class AdaptiveAveragePool(Op):
    """Mean over windows laid so that the output has the given size. Operands: x."""

    output_size: tuple[int, ...]


@dataclass(frozen=True)
class Mean(Op):
    """Mean over axes. Operands: x."""

    axes: tuple[int, ...]
    keepdims: bool = False


@dataclass(frozen=True)
class Add(Op):
    """Sum of two, with broadcasting. Operands: a, b, each a value or a tensor of the graph."""

    operands = (2, 2)


@dataclass(frozen=True)
class Sub(Op):
    """Difference of two, with broadcasting. Operands: a, b."""

    operands = (2, 2)


@dataclass(frozen=True)
class Mul(Op):
    """Product of two, element by element, with broadcasting. Operands: a, b."""

    operands = (2, 2)


@dataclass(frozen=True)
class Div(Op):
    """Quotient of two, element by element, with broadcasting. Operands: a, b."""

    operands = (2, 2)


# Movement of data.


@dataclass(frozen=True)
class Concat(Op):
    """Values joined along an axis. Operands: any number of values."""

    axis: int
    operands = (1, None)


@dataclass(frozen=True)
class Slice(Op):
    """Entries start, start + step, … before stop of one axis (0 <= start < stop <= size, step > 0).

    Operands: x.
    """

    axis: int
    start: int
    stop: int
    step: int = 1


@dataclass(frozen=True)
class Pad(Op):
    """A constant put around each axis: one (before, after) an axis, the batch's being (0, 0).

    Operands: x.
    """

    padding: Padding
    value: float = 0.0


@dataclass(frozen=True)
class Reshape(Op):
    """The same entries in row-major order under another shape, -1 standing for the batch.

    Flatten, squeeze and unsqueeze are reshapes too. Operands: x.
    """

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Transpose(Op):
    """Axes in another order: axis i of the result is axis `axes[i]` of x. Operands: x."""

    axes: tuple[int, ...]


# Piecewise linear.


@dataclass(frozen=True)
class Relu(Op):
    """`max(x, 0)`. Operands: x."""


@dataclass(frozen=True)
class Clip(Op):
    """`min(max(x, lower), upper)`; ReLU6 is [0, 6]. Operands: x."""

    lower: float
    upper: float


@dataclass(frozen=True)
class LeakyRelu(Op):
    """`x` where positive, `slope * x` elsewhere. Operands: x."""

    slope: float


@dataclass(frozen=True)
class PRelu(Op):
    """`x` where positive, `slope * x` elsewhere, the slope being learned. Operands: x, slope.

    The slope broadcasts against x as a product would.
    """

    operands = (2, 2)


@dataclass(frozen=True)
class Abs(Op):
    """`|x|`. Operands: x."""


@dataclass(frozen=True)
class Maximum(Op):
    """The larger of two, element by element, with broadcasting. Operands: a, b."""

    operands = (2, 2)


@dataclass(frozen=True)
class Minimum(Op):
    """The smaller of two, element by element, with broadcasting. Operands: a, b."""

    operands = (2, 2)


@dataclass(frozen=True)
class MaxPool(Op):
    """Largest entry of each window; padding never wins. Operands: x."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil_mode: bool = False


# Smooth.


@dataclass(frozen=True)
class Sigmoid(Op):
    """`1 / (1 + exp(-x))`. Operands: x."""


@dataclass(frozen=True)
class Tanh(Op):
    """Hyperbolic tangent. Operands: x."""


@dataclass(frozen=True)
class Softplus(Op):
    """`log(1 + exp(beta x)) / beta`; x itself where `beta x > threshold`. Operands: x."""

    beta: float = 1.0
    threshold: float = float("inf")


@dataclass(frozen=True)
class Elu(Op):
    """`scale x` where positive, `scale alpha (exp(x) - 1)` elsewhere; SELU too. Operands: x."""

    alpha: float = 1.0
    scale: float = 1.0


@dataclass(frozen=True)
class Gelu(Op):
    """`x Φ(x)`, Φ the normal distribution, or its tanh approximation. Operands: x."""

    approximate: Literal["none", "tanh"] = "none"


@dataclass(frozen=True)
class Silu(Op):
    """`x / (1 + exp(-x))`. Operands: x."""


@dataclass(frozen=True)
class Softmax(Op):
    """`exp(x)` over its sum along an axis. Operands: x."""

    axis: int


@dataclass(frozen=True)
class LogSoftmax(Op):
    """Logarithm of the softmax along an axis. Operands: x."""

    axis: int


AFFINE = (Linear, Conv, BatchNorm, AveragePool, AdaptiveAveragePool, Mean, Add, Sub, Mul, Div)
MOVEMENT = (Concat, Slice, Pad, Reshape, Transpose)
PIECEWISE_LINEAR = (Relu, Clip, LeakyRelu, PRelu, Abs, Maximum, Minimum, MaxPool)
SMOOTH = (Sigmoid, Tanh, Softplus, Elu, Gelu, Silu, Softmax, LogSoftmax)
OPS: tuple[type[Op], ...] = (*AFFINE, *MOVEMENT, *PIECEWISE_LINEAR, *SMOOTH)


def batch_fault(op: Op) -> str | None:
    """Why an op may not be applied to a value whose axis 0 is the batch, or None when it may.

    Each input of a batch must be treated alone: no op may mix, cut, pad or move axis 0.
    """
    match op:
        case Softmax(axis=0) | LogSoftmax(axis=0) | Concat(axis=0) | Slice(axis=0):
            return "works along the batch axis"
        case Mean(axes=axes) if 0 in axes:
            return "averages over the batch axis"
        case Transpose(axes=axes) if axes[0] != 0:
            return "moves the batch axis"
        case Pad(padding=padding) if padding[0] != (0, 0):
            return "pads the batch axis"
    return None
