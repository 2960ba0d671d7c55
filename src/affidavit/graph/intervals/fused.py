"""Interval arithmetic in one pass over memory, where nothing is differentiated.

Each function here equals an expression of :mod:`affidavit.graph.intervals.interval` or of a rule;
:func:`fits` says of which tensors it may be asked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from affidavit.graph.intervals.kernels import (
    Values,
    charge,
    ends,
    gate,
    gate_back,
    not_finite,
    widen,
    widen_back,
)
from affidavit.graph.intervals.kernels import norms as of_rows

_NUMBERS: dict[torch.dtype, Any] = {torch.float32: np.float32, torch.float64: np.float64}
"""What makes numbers of a dtype."""


def fits(*values: Tensor) -> bool:
    """Whether a loop over flat memory may stand for PyTorch's arithmetic: on :func:`simple` tensors
    with no gradient to be kept."""
    return simple(*values) and not (
        torch.is_grad_enabled() and any(x.requires_grad for x in values)
    )


def simple(first: Tensor, *others: Tensor) -> bool:
    """Whether tensors are on a processor, contiguous, of one shape and of one dtype with a loop."""
    if first.dtype not in _NUMBERS or not (first.is_cpu and first.is_contiguous()):
        return False
    shape, dtype = first.shape, first.dtype
    return all(
        x.is_cpu and x.dtype == dtype and x.shape == shape and x.is_contiguous() for x in others
    )


def charged(lower: Tensor, upper: Tensor, share: float, tiny: float) -> tuple[Tensor, Tensor]:
    """Centre, and radius with `share` of itself and of the centre's size and `tiny` added."""
    center, radius = torch.empty_like(lower), torch.empty_like(lower)
    of = _NUMBERS[lower.dtype]
    numbers = of(0.5), of((1 + share) / 2), of(share), of(tiny)
    charge(_flat(lower), _flat(upper), *numbers, _flat(center), _flat(radius))
    return center, radius


def to_ends(value: Tensor, spread: Tensor, gain: float, share: float, tiny: float) -> None:
    """In place from centre to lower end and from radius to upper end, rounding charged."""
    of = _NUMBERS[value.dtype]
    ends(_flat(value), _flat(spread), of(gain), of(share), of(tiny))


def gated(lower: Tensor, upper: Tensor, x_lower: Tensor, x_upper: Tensor) -> tuple[Tensor, Tensor]:
    """Bounds on a cotangent behind ReLU, of the bounds before it and of the bounds of x."""
    least, most = torch.empty_like(lower), torch.empty_like(lower)
    zero = _NUMBERS[lower.dtype](0)
    given = _flat(lower), _flat(upper), _flat(x_lower), _flat(x_upper)
    gate(*given, zero, _flat(least), _flat(most))
    return least, most


def gated_back(
    lower: Tensor, upper: Tensor, x_lower: Tensor, x_upper: Tensor, *by: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients by the ends that :func:`gated` was given, of those by what it gave."""
    found = torch.empty_like(lower), torch.empty_like(lower)
    given = _flat(lower), _flat(upper), _flat(x_lower), _flat(x_upper)
    behind = _flat(by[0]), _flat(by[1])
    gate_back(*given, _NUMBERS[lower.dtype](0), *behind, _flat(found[0]), _flat(found[1]))
    return found


def widened(lower: Tensor, upper: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Sum of the ends, and `1 + gamma` times their difference with gamma times the sum's size."""
    total, width = torch.empty_like(lower), torch.empty_like(lower)
    of = _NUMBERS[lower.dtype]
    numbers = of(gamma), of(1 + gamma)
    widen(_flat(lower), _flat(upper), *numbers, _flat(total), _flat(width))
    return total, width


def widened_back(total: Tensor, gamma: float, *by: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients by the ends that :func:`widened` was given, of those by what it gave."""
    found = torch.empty_like(total), torch.empty_like(total)
    of = _NUMBERS[total.dtype]
    numbers, behind = (of(gamma), of(1 + gamma), of(0)), (_flat(by[0]), _flat(by[1]))
    widen_back(_flat(total), *numbers, *behind, _flat(found[0]), _flat(found[1]))
    return found


def is_finite(x: Tensor) -> bool:
    """Whether no entry is infinite or NaN."""
    return bool(not_finite(_flat(x), _NUMBERS[x.dtype](0)) == 0)


def norms(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The largest size and the sum of squares of each row, [row]."""
    largest, squares = rows.new_empty((2, len(rows))).unbind()
    of_rows(_array(rows), _NUMBERS[rows.dtype](0), _array(largest), _array(squares))
    return largest, squares


def _flat(x: Tensor) -> Values:
    return _array(x.view(-1))


def _array(x: Tensor) -> Values:
    values: Values = x.detach().numpy() if x.requires_grad else x.numpy()
    return values
