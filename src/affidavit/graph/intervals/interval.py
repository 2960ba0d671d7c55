"""Intervals of tensors, and the outward rounding that keeps them sound.

Rounding model. An elementary operation errs by at most `eps` relatively (twice the unit roundoff)
or, where it underflows, by less than `tiny` absolutely; a sum of n products by (n + 8) eps times
the sum of their magnitudes, in whatever order it is taken; a transcendental function of PyTorch by
8 eps. Every bound is moved outward by at least that much, with multiplications and subtractions
only, so that autograd can pass through. Within :func:`unrounded` nothing is moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from affidavit.errors import DomainError
from affidavit.graph.intervals import fused

_ROUNDED = ContextVar("rounded", default=True)
_UNIT: ContextVar[torch.dtype | None] = ContextVar("unit", default=None)


@contextmanager
def unrounded() -> Iterator[None]:
    """Interval arithmetic that leaves out the outward rounding, in this thread.

    Bounds are no longer sound, only equal to sound ones up to rounding. Training needs no more, and
    rounding is most of what small networks' bounds cost.
    """
    token = _ROUNDED.set(False)
    try:
        yield
    finally:
        _ROUNDED.reset(token)


@contextmanager
def rounded_as(dtype: torch.dtype) -> Iterator[None]:
    """Interval arithmetic rounded outward as far as a coarser dtype rounds, in this thread.

    Bounds computed in float64 then hold for a network that itself runs in float32.
    """
    token = _UNIT.set(dtype)
    try:
        yield
    finally:
        _UNIT.reset(token)


def unit(dtype: torch.dtype) -> torch.finfo:
    """What rounding is charged at: the dtype's own, or the coarser one of :func:`rounded_as`."""
    own, asked = torch.finfo(dtype), _UNIT.get()
    return own if asked is None or torch.finfo(asked).eps < own.eps else torch.finfo(asked)


@dataclass(frozen=True, eq=False)
class Interval:
    """All tensors between two of the same shape, entry by entry.

    Attributes:
        lower, upper: the ends. The same tensor object twice stands for a point.
    """

    lower: Tensor
    upper: Tensor

    @property
    def is_point(self) -> bool:
        """Whether both ends are one tensor, so that nothing needs to be done twice."""
        return self.lower is self.upper

    @property
    def like(self) -> Tensor:
        """A tensor with the interval's shape, dtype and device, to be asked for these alone."""
        return self.lower

    @property
    def width(self) -> Tensor:
        """`upper - lower`."""
        return self.upper - self.lower

    def contains(self, x: Tensor) -> bool:
        """Whether every entry of x lies within the bounds."""
        return bool(((self.lower <= x) & (x <= self.upper)).all())

    def to(self, dtype: torch.dtype, device: torch.device) -> Interval:
        """The interval in another dtype (outward where that rounds) on another device."""
        if self.like.dtype == dtype and self.like.device == device:
            return self
        old = self.lower.dtype
        if old.is_floating_point and torch.promote_types(old, dtype) == dtype:  # exact
            lower = self.lower.to(device, dtype)
            return Interval(lower, lower if self.is_point else self.upper.to(device, dtype))
        return outward(self.lower.to(device, dtype), self.upper.to(device, dtype), 1)

    @staticmethod
    def point(x: Tensor) -> Interval:
        """The interval that holds x alone."""
        return Interval(x, x)

    @staticmethod
    def between(lower: Tensor, upper: Tensor) -> Interval:
        """The interval between two tensors, checked.

        Raises:
            DomainError: shapes or dtypes differ, an end is infinite or NaN, or lower > upper.
        """
        if lower.shape != upper.shape or lower.dtype != upper.dtype:
            raise DomainError(
                f"lower bounds have the shape {list(lower.shape)} and dtype {lower.dtype}, upper"
                f" ones {list(upper.shape)} and {upper.dtype}; expected the same"
            )
        if not lower.is_floating_point():
            raise DomainError(f"the bounds have the dtype {lower.dtype}; expected a floating one")
        if not is_finite(lower, upper):
            raise DomainError("the box has infinite or undefined bounds; expected finite ones")
        crossed = int((lower > upper).sum())
        if crossed:
            raise DomainError(f"the box is empty: lower > upper in {crossed} entries")
        return Interval(lower, upper)

    def center_radius(self) -> tuple[Tensor, Tensor]:
        """A centre and a radius that enclose the interval, whatever rounding did to the centre."""
        if self.is_point:
            return self.lower, torch.zeros_like(self.lower)
        if not _ROUNDED.get():
            radius = (self.upper - self.lower) / 2
            return self.lower + radius, radius
        return self.charged(0.0)

    def charged(self, gamma: float) -> tuple[Tensor, Tensor]:
        """A centre, and a radius with gamma times itself and the centre's size added."""
        eps, tiny = limits(self.lower)
        # What halves and their sums round is charged to the centre's size.
        share = gamma + 4 * eps
        if self.is_point:
            return self.lower, self.lower.abs() * share + tiny
        if fused.fits(self.lower, self.upper):
            return fused.charged(self.lower, self.upper, share, tiny)
        half = (1 + share) / 2
        # Halves before sums: nothing overflows.
        center = torch.add(self.lower / 2, self.upper, alpha=0.5)
        radius = torch.sub(self.upper * half, self.lower, alpha=half)
        return center, torch.add(radius, center.abs(), alpha=share) + tiny

    @property
    def magnitude(self) -> Tensor:
        """Sizes of a point's entries; computed once where they are not differentiated."""
        if torch.is_grad_enabled() and self.lower.requires_grad:
            return self.lower.abs()
        return self._magnitude

    @cached_property
    def _magnitude(self) -> Tensor:
        return self.lower.detach().abs()


def rounding() -> bool:
    """Whether intervals are rounded outward, as they are but within :func:`unrounded`."""
    return _ROUNDED.get()


def limits(x: Tensor) -> tuple[float, float]:
    """Relative and absolute rounding errors of the tensor's dtype."""
    if not _ROUNDED.get():
        return 0.0, 0.0
    info = unit(x.dtype)
    return info.eps, smallest(info)


def smallest(info: torch.finfo) -> float:
    """What underflow is charged at: far above the least normal number, where the range allows it.

    Products with a subnormal number take processors a hundred times as long as others, and a charge
    of the least normal number would make them wherever a weight is below 1.
    """
    return info.tiny * (2.0**20 if info.tiny < 1e-30 else 1.0)


def is_finite(*values: Tensor) -> bool:
    """Whether no entry of any is infinite or NaN. One pass over each, and one wait for all."""
    ends: list[Tensor] = []
    for x in values:
        if fused.fits(x):
            if not fused.is_finite(x):
                return False
        elif x.numel():
            ends += torch.aminmax(x.detach())  # NaN: both
    return not ends or bool(torch.isfinite(torch.stack(ends)).all())


def outward(lower: Tensor, upper: Tensor, ulps: float) -> Interval:
    """The interval with each end moved away by `ulps` relative rounding errors, and a tiny bit."""
    if not _ROUNDED.get():
        return Interval(lower, upper)
    eps, tiny = limits(lower)
    return Interval(_move(lower, -(ulps + 1) * eps, -tiny), _move(upper, (ulps + 1) * eps, tiny))


def _move(x: Tensor, relative: float, absolute: float) -> Tensor:
    # Of the two products the outer one; an infinite end stays where it is, which `|x| relative`
    # added to it would not.
    outer = torch.maximum if relative > 0 else torch.minimum
    return outer(x * (1 - relative), x * (1 + relative)) + absolute


# Interval arithmetic, entry by entry, with broadcasting.


def add(a: Interval, b: Interval) -> Interval:
    """`a + b`."""
    return outward(a.lower + b.lower, a.upper + b.upper, 1)


def subtract(a: Interval, b: Interval) -> Interval:
    """`a - b`."""
    return outward(a.lower - b.upper, a.upper - b.lower, 1)


def multiply(a: Interval, b: Interval) -> Interval:
    """`a * b`: between the least and the greatest of the products of the ends."""
    if b.is_point:
        ends = [a.lower * b.lower, a.upper * b.lower]
    elif a.is_point:
        ends = [a.lower * b.lower, a.lower * b.upper]
    else:
        ends = [x * y for x in (a.lower, a.upper) for y in (b.lower, b.upper)]
    lower = upper = ends[0]
    for end in ends[1:]:
        lower, upper = torch.minimum(lower, end), torch.maximum(upper, end)
    return outward(lower, upper, 1)


def reciprocal(a: Interval) -> Interval:
    """`1 / a`. Raises DomainError where a holds 0."""
    if bool(((a.lower <= 0) & (a.upper >= 0)).any()):
        raise DomainError("division by an interval that holds 0 has no bounds")
    return outward(1 / a.upper, 1 / a.lower, 1)


def meet(a: Interval, b: Interval) -> Interval:
    """What lies within both."""
    return Interval(torch.maximum(a.lower, b.lower), torch.minimum(a.upper, b.upper))


def union(a: Interval, b: Interval, use_a: Tensor, use_b: Tensor) -> Interval:
    """The least interval around a where `use_a` and b where `use_b`; one of them is true."""
    lower = torch.where(
        use_a & use_b, torch.minimum(a.lower, b.lower), a.lower.where(use_a, b.lower)
    )
    upper = torch.where(
        use_a & use_b, torch.maximum(a.upper, b.upper), a.upper.where(use_a, b.upper)
    )
    return Interval(lower, upper)
