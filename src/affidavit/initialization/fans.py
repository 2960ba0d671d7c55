"""Fan-in and fan-out: how many numbers enter a unit, and how many units a number enters.

Each library works them out from the shape alone, by where its own layers keep inputs and outputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from affidavit.errors import DomainError

LAYOUTS = ("torch", "keras")
"""`torch`: [out, in, *kernel]; `keras`: [*kernel, in, out]."""


@dataclass(frozen=True)
class Fans:
    """Fan-in and fan-out of a parameter, as the code that draws it has them."""

    fan_in: float
    fan_out: float


def fans_of(shape: Sequence[int], layout: str = "torch") -> Fans | None:
    """The fans that a library works out from a shape; None where it gives none.

    PyTorch takes the second axis for inputs and the first for outputs, times the kernel's size:
    for a transposed convolution, whose weight is [in, out, *kernel], they change places, and with
    groups both count the channels of a group. It has none below two axes. Keras takes the last two
    axes, and for a vector its length for both.

    Raises:
        DomainError: a layout other than those of LAYOUTS.

    Source: PyTorch's `torch.nn.init`, Keras's `compute_fans`.
    """
    if layout not in LAYOUTS:
        raise DomainError(f"layout {layout!r}: expected one of {', '.join(LAYOUTS)}")
    if layout == "torch":
        if len(shape) < 2:
            return None
        kernel = math.prod(shape[2:])
        return Fans(shape[1] * kernel, shape[0] * kernel)
    if len(shape) < 2:
        length = shape[0] if shape else 1
        return Fans(length, length)
    kernel = math.prod(shape[:-2])
    return Fans(shape[-2] * kernel, shape[-1] * kernel)


def fans_along(shape: Sequence[int], inputs: Sequence[int], outputs: Sequence[int]) -> Fans:
    """The fans of a tensor whose axes of inputs and of outputs are known."""
    return Fans(math.prod(shape[axis] for axis in inputs), math.prod(shape[i] for i in outputs))


def matrix_shape(shape: Sequence[int], *, last: bool = False) -> tuple[int, int]:
    """Rows and columns of a tensor as a matrix: its first axis (or all but the last) are rows.

    Raises:
        DomainError: fewer than two axes.
    """
    if len(shape) < 2:
        raise DomainError(f"a tensor of shape {tuple(shape)} is no matrix: expected two axes")
    split = len(shape) - 1 if last else 1
    return math.prod(shape[:split]), math.prod(shape[split:])
