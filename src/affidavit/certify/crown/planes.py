"""Planes below and above the product of two unknowns. Source: McCormick 1976."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from affidavit.certify.crown.lines import Lines
from affidavit.graph import Interval


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane below and one above `s·a`, the gate s bounded, so that they are lines in a.

    Below, `s·a` is at least `s_l a + a_l s − s_l a_l` and `s_u a + a_u s − s_u a_u`; above, at most
    `s_u a + a_l s − s_u a_l` and `s_l a + a_u s − s_l a_u`. A share of the first of each pair and
    the rest of the second leave s the coefficient `share a_l + (1 − share) a_u`.

    Attributes:
        gate, a: bounds of the two.
        share: what share of the first plane of each pair is taken, in [0, 1].
        eps: unit of rounding.
    """

    gate: Interval
    a: Interval
    share: Tensor
    eps: float

    @staticmethod
    def of(gate: Interval, a: Interval, eps: float) -> Plane:
        """The planes in which s drops out, where the sign of a is open.

        Where it is known, those in which s keeps the smaller |a|: with s bounded, they are the
        tightest of all.
        """
        gate = Interval(*(end.expand_as(a.lower) for end in (gate.lower, gate.upper)))
        width = a.upper - a.lower
        mixed = (a.lower < 0) & (a.upper > 0)
        share = torch.where(
            mixed, a.upper / width.where(mixed, torch.ones_like(width)), (a.lower >= 0).to(a.lower)
        )
        return Plane(gate, a, share, eps)

    def mixed(self, share: Tensor) -> Plane:
        """Planes of other shares, which may have an axis of rows behind the batch."""
        if share.ndim == self.share.ndim:
            return Plane(self.gate, self.a, share, self.eps)
        gate, a = (
            Interval(x.lower.unsqueeze(1), x.upper.unsqueeze(1)) for x in (self.gate, self.a)
        )
        return Plane(gate, a, share, self.eps)

    @property
    def left(self) -> Tensor:
        """The coefficient of s."""
        return self.share * self.a.lower + (1 - self.share) * self.a.upper

    @property
    def lines(self) -> Lines:
        """The planes as lines in a, s being bounded."""
        first, second = self.share, 1 - self.share
        s, a, left = self.gate, self.a, self.left
        up, down = left.clamp(min=0), left.clamp(max=0)
        slack = torch.maximum(s.lower.abs(), s.upper.abs())
        slack = slack * torch.maximum(a.lower.abs(), a.upper.abs()) * (32 * self.eps)
        floor = first * s.lower * a.lower + second * s.upper * a.upper
        ceiling = first * s.upper * a.lower + second * s.lower * a.upper
        return Lines(
            first * s.lower + second * s.upper,
            up * s.lower + down * s.upper - floor - slack,
            first * s.upper + second * s.lower,
            up * s.upper + down * s.lower - ceiling + slack,
        )
