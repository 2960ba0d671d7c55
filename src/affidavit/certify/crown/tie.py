"""Lines in the input that stand for gates: see :mod:`affidavit.certify.crown.ties`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from torch import Tensor

from affidavit.certify.crown.rounding import Rounding


@dataclass(frozen=True, eq=False)
class Tie:
    """Lines in the input for some units of a ReLU.

    With ξ in [−1, 1] the place in the input's box, a line is `middle + swing·ξ`: below z for a unit
    that is mostly open, above z for one that is mostly shut.

    Attributes:
        index: the units, flat, [batch, unit]; entries beyond an input's own have no weight.
        swing: slopes of the lines, [batch, unit, input], in single precision.
        floor, ceiling: their middles, [batch, unit], lowered and raised by all that rounding costs.
        opening, closing: what a coefficient of s is multiplied by for one of z, where it is
            positive and where it is negative, [batch, 1, unit]; one of the two is 0.
    """

    index: Tensor
    swing: Tensor
    floor: Tensor
    ceiling: Tensor
    opening: Tensor
    closing: Tensor

    def spread(self, t: Tensor, left: Tensor, r: Rounding) -> tuple[Tensor, Tensor]:
        """What the units' lines are multiplied by, [batch, row, unit], and the sum's middle.

        Args:
            t: tangents at the gate, [batch, row, ...].
            left: what each is multiplied by for the coefficient of s, [batch, ...].
            r: what is charged for rounding.
        """
        rows = self.index.unsqueeze(1).expand(-1, t.shape[1], -1)
        t = t.flatten(2).expand(len(left), -1, -1)
        c = t.gather(2, rows) * left.flatten(1).gather(1, self.index).unsqueeze(1)
        # The coefficients are those that single precision leaves, in both sums.
        up = (c.clamp(min=0) * self.opening).to(self.swing.dtype)
        down = (c.clamp(max=0) * self.closing).to(self.swing.dtype)
        middle = r.total(up.to(c.dtype), self.floor, 1) + r.total(
            down.to(c.dtype), self.ceiling, -1
        )
        return up + down, middle

    def part(self, batch: slice) -> Tie:
        """The same for some inputs of the batch."""
        return Tie(**{field.name: getattr(self, field.name)[batch] for field in fields(self)})
