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
from affidavit.certify.crown.products import bend, least
from affidavit.graph import Interval
from affidavit.graph.intervals.interval import smallest, unit


@dataclass(frozen=True)
class Rounding:
    """Relative and absolute errors of an elementary operation."""

    eps: float
    tiny: float

    @staticmethod
    def of(dtype: torch.dtype) -> Rounding:
        """The errors of a dtype."""
        info = unit(dtype)
        return Rounding(float(info.eps), smallest(info))

    def gamma(self, terms: int) -> float:
        """Relative error of a sum of that many products, against the sum of their magnitudes.

        Four times over: for the network's own arithmetic and for that of the bound.
        """
        return 2 * (terms + 8) * self.eps

    def spread(self, weight: Interval, terms: int) -> Tensor:
        """How far a weight may be from its centre, the rounding of its products included."""
        center, radius = weight.center_radius()
        return radius * (1 + 8 * self.eps) + center.abs() * self.gamma(terms) + self.tiny

    def least(self, a: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
        """The least `Σ a v` over all v between two bounds, rounded down: [batch, row].

        a is [batch, row, ...], the bounds [batch, ...] or, by row, of a's axes.
        """
        if not self.eps:
            return least(a, lower, upper)
        return least(a, *self.apart(lower, upper, a[:1, :1].numel())) - self.tiny

    def charge(self, a: Tensor, error: Tensor) -> Tensor:
        """`−Σ |a| error`, rounded down; the error is [batch, ...] and not negative."""
        return self.least(a, -error, error)

    def apart(self, lower: Tensor, upper: Tensor, terms: int) -> tuple[Tensor, Tensor]:
        """Bounds moved apart by what rounding costs a sum of so many products with them."""
        gamma = self.gamma(terms)
        return (
            torch.sub(lower, lower.abs(), alpha=gamma),
            torch.add(upper, upper.abs(), alpha=gamma),
        )

    def charged(self, lines: Lines, size: Tensor) -> Lines:
        """Lines moved apart by what rounding costs a functional that follows them.

        Args:
            lines: around a function, entry by entry; they may have an axis of rows behind the
                batch.
            size: largest |variable|, [batch, ...].
        """
        if not self.eps:
            return lines
        terms = size[:1].numel()
        if lines.low.ndim > size.ndim:
            size = size.unsqueeze(1)
        error = lines.steep * size * (4 * self.eps) + self.tiny
        floor, ceiling = self.apart(lines.floor - error, lines.ceiling + error, terms)
        return Lines(lines.low, floor, lines.high, ceiling)

    def apply(self, lines: Lines, a: Tensor) -> tuple[Tensor, Tensor]:
        """A functional of a function's value as one of its variable, and a constant.

        The lines are :meth:`charged`, the coefficients [batch, row, ...].
        """
        found, constant = bend(a, lines)
        return found, constant - self.tiny


def magnitude(value: Interval) -> Tensor:
    """Largest absolute value."""
    return torch.maximum(value.lower.abs(), value.upper.abs())
