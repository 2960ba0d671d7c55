"""Affine layers under weights that vary by a share of themselves, without rounding.

The radius of such a weight is `γ|W|`, so that one product with `|W|` bounds what inputs and weights
do together: `A·B ∈ A_c B_c ± (A_r (1 + γ) + γ |A_c|) |B_c|`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from affidavit.certify.conv_adjoint import conv_adjoint
from affidavit.certify.training import fused
from affidavit.graph import Interval, ops
from affidavit.graph.interpreter import evaluate


@dataclass(frozen=True, eq=False)
class Affine:
    """A linear or convolution layer.

    Attributes:
        op: which.
        weight, magnitude: W/2 and |W|/2, to be multiplied with sums and differences of ends.
        gamma: relative radius of W.
        bias, slack: b and its radius; None where it has none.
    """

    op: ops.Linear | ops.Conv
    weight: Tensor
    magnitude: Tensor
    gamma: float
    bias: Tensor | None
    slack: Tensor | None

    @staticmethod
    def of(op: ops.Linear | ops.Conv, tensors: Sequence[Tensor], gammas: Sequence[float]) -> Affine:
        """The layer of a weight and perhaps a bias, each with its relative radius."""
        weight, *rest = tensors
        bias = rest[0] if rest else None
        slack = bias.abs() * gammas[1] if bias is not None and gammas[1] > 0 else None
        half = weight / 2
        return Affine(op, half, half.abs(), gammas[0], bias, slack)

    def __call__(self, x: Interval) -> Interval:
        """Bounds of the layer's value."""
        total, width = self._widened(x)
        value = evaluate(self.op, total, *self._with(self.weight, self.bias))
        if width is not None:
            return _around(value, evaluate(self.op, width, *self._with(self.magnitude, self.slack)))
        if self.slack is not None:
            return _around(value, self.slack.reshape(-1, *(1,) * len(self._space)))
        return Interval.point(value)

    def back(self, y: Interval, x: Tensor) -> Interval:
        """Bounds of the cotangent of the layer's operand, of the shape of x."""
        total, width = self._widened(y)
        value = self._transpose(total, self.weight, x)
        if width is None:
            return Interval.point(value)
        return _around(value, self._transpose(width, self.magnitude, x))

    def total_width_back(self, y: Interval, x: Tensor) -> Tensor:
        """Sum of the widths of :meth:`back` over all features, [batch].

        With radii r that sum is `2 · 1ᵀ |W|ᵀ r = 2 r · |W| 1`: the layer applied to ones takes the
        place of its transpose applied to a batch.
        """
        width = self._widened(y)[1]
        if width is None:
            return x.new_zeros(len(x))
        reach = evaluate(self.op, torch.ones_like(x[:1]), self.magnitude)
        return 2 * (width * reach).flatten(1).sum(1)

    def _widened(self, a: Interval) -> tuple[Tensor, Tensor | None]:
        """Twice the centre, and twice the radius (None for 0) with the weight's part in it."""
        if a.is_point:
            total = 2 * a.lower
            return total, total.abs() * self.gamma if self.gamma > 0 else None
        return fused.widened(a, self.gamma)

    def _transpose(self, y: Tensor, weight: Tensor, x: Tensor) -> Tensor:
        if isinstance(self.op, ops.Linear):
            return torch.matmul(y, weight)
        return conv_adjoint(self.op, y, weight, x.shape[2:])

    @property
    def _space(self) -> tuple[int, ...]:
        return self.op.stride if isinstance(self.op, ops.Conv) else ()

    @staticmethod
    def _with(weight: Tensor, bias: Tensor | None) -> tuple[Tensor, ...]:
        return (weight,) if bias is None else (weight, bias)


def _around(center: Tensor, radius: Tensor) -> Interval:
    return Interval(center - radius, center + radius)
