"""What rounding costs: charges against a linear bound.

A linear functional `A·v` of a value v is handed from node to node. Whatever numbers A come out of
an inexact product, they are taken as they are; what the functional lost on the way is at most the
product's error times the largest |v|, and is subtracted from the bound. So one inner product a node
keeps the bound sound, and no coefficient has to be an interval.

The unit of the charges is that of the dtype that was asked for, while the arithmetic is done in
float64: a bound asked for in float32 covers what a network that runs in float32 itself rounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from affidavit.certify.crown.lines import Lines
from affidavit.graph import Interval
from affidavit.graph.intervals.interval import unit


@dataclass(frozen=True)
class Rounding:
    """Relative and absolute errors of an elementary operation."""

    eps: float
    tiny: float

    @staticmethod
    def of(dtype: torch.dtype) -> Rounding:
        """The errors of a dtype."""
        info = unit(dtype)
        return Rounding(float(info.eps), float(info.tiny))

    def gamma(self, terms: int) -> float:
        """Relative error of a sum of that many products, against the sum of their magnitudes.

        Four times over: for the network's own arithmetic and for that of the bound.
        """
        return 2 * (terms + 8) * self.eps

    def spread(self, weight: Interval, terms: int) -> Tensor:
        """How far a weight may be from its centre, the rounding of its products included."""
        center, radius = weight.center_radius()
        return radius * (1 + 8 * self.eps) + center.abs() * self.gamma(terms) + self.tiny

    def total(self, a: Tensor, b: Tensor, sign: int = 0) -> Tensor:
        """`Σ a b` over all axes but batch and row, rounded down: [batch, row].

        a is [batch, row, ...], b [batch, ...] or, by row, of a's shape. The sign of a is told
        where it is known, which spares a pass over it.
        """
        gamma = self.gamma(a[0, 0].numel() if a.numel() else 1)
        if sign:
            return inner(a, b - sign * gamma * b.abs()) - self.tiny
        return inner(a, b) - inner(a.abs(), b.abs()) * gamma - self.tiny

    def charge(self, a: Tensor, error: Tensor) -> Tensor:
        """`−Σ |a| error`, rounded down; the error is [batch, ...] and not negative."""
        return self.total(a.abs(), -error, 1)

    def apply(self, lines: Lines, a: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
        """A functional of a function's value as one of its variable, and a constant.

        Args:
            lines: around the function, entry by entry.
            a: coefficients, [batch, row, ...].
            size: largest |variable|, [batch, ...].
        """
        positive, negative = a.clamp(min=0), a.clamp(max=0)
        low, high = _by_row(lines.low, a), _by_row(lines.high, a)
        found = torch.addcmul(positive * low, negative, high)
        steep = torch.maximum(lines.low.abs(), lines.high.abs())
        error = steep * _by_row(size, steep) * (4 * self.eps) + self.tiny
        constant = self.total(positive, lines.floor - error, 1)
        return found, constant + self.total(negative, lines.ceiling + error, -1)


def magnitude(value: Interval) -> Tensor:
    """Largest absolute value."""
    return torch.maximum(value.lower.abs(), value.upper.abs())


def inner(a: Tensor, b: Tensor) -> Tensor:
    """`Σ a b` over all axes but batch and row; b is [batch, ...] or of a's shape."""
    if b.ndim == a.ndim:
        return (a * b).flatten(2).sum(-1)
    return (a.flatten(2) @ b.flatten(1).unsqueeze(-1)).squeeze(-1)


def _by_row(b: Tensor, a: Tensor) -> Tensor:
    return b.unsqueeze(1) if b.ndim == a.ndim - 1 else b
