"""Lines in the input that stand for gates: see :mod:`affidavit.certify.crown.ties`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from affidavit.certify.crown.lines import Lines
from affidavit.certify.crown.products import flat
from affidavit.certify.crown.rounding import Rounding
from affidavit.certify.target import by_class


@dataclass(frozen=True, eq=False)
class Tie:
    """Lines in the input for some units of a ReLU.

    With ξ in [−1, 1] the place in the input's box, a line is `middle + swing·ξ`: below z for a unit
    that is mostly open, above z for one that is mostly shut.

    Attributes:
        index: the units, flat, [batch, unit]; entries beyond an input's own have no weight.
        swing: slopes of each input's own lines, [unit, input], in single precision.
        floor, ceiling: their middles, [batch, unit], lowered and raised by all that rounding costs.
        opening, closing: what a coefficient of s is multiplied by for one of z, where it is
            positive and where it is negative, [batch, unit]; one of the two is 0.
    """

    index: Tensor
    swing: list[Tensor]
    floor: Tensor
    ceiling: Tensor
    opening: Tensor
    closing: Tensor

    def shares(self, left: Tensor, r: Rounding) -> Lines:
        """What tangents at the gate are multiplied by, by their sign, for :meth:`spread`.

        Args:
            left: what each is multiplied by for the coefficient of s, [batch, ...].
            r: what is charged for rounding.

        Returns:
            The coefficients of the units' lines (low and high) and of the sum's middle.
        """
        c = by_class(left).gather(1, self.index)
        low = c * torch.where(c > 0, self.opening, self.closing)
        high = c * torch.where(c > 0, self.closing, self.opening)
        below = low * torch.where(low > 0, self.floor, self.ceiling)
        above = high * torch.where(high < 0, self.floor, self.ceiling)
        below, above = r.apart(below, above, c.shape[1])
        return Lines(low, below, high, above)

    def spread(self, t: Tensor, shares: Lines, r: Rounding) -> tuple[Tensor, Tensor]:
        """What the units' lines are multiplied by, [batch, row, unit], and the sum's middle.

        Args:
            t: tangents at the gate, [batch, row, ...].
            shares: see :meth:`shares`.
            r: what is charged for rounding.
        """
        rows = self.index.unsqueeze(1).expand(-1, t.shape[1], -1)
        t = flat(t).expand(len(self.index), -1, -1)
        c, middle = r.apply(shares, t.gather(2, rows))
        return c.to(torch.float32), middle

    def part(self, batch: Tensor) -> Tie:
        """The same for some inputs of the batch, by their places."""
        swing = [self.swing[place] for place in batch.tolist()]
        ends = (self.floor, self.ceiling, self.opening, self.closing)
        return Tie(self.index[batch], swing, *(end[batch] for end in ends))
