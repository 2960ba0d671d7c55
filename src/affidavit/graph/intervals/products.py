"""Products of an interval and a weight: what affine layers do, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from affidavit.errors import DomainError
from affidavit.graph.intervals import fused
from affidavit.graph.intervals.ball import Ball
from affidavit.graph.intervals.interval import Interval, limits, rounding

Product: TypeAlias = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""A linear map of a tensor by a weight, and a bias added; the result is a fresh tensor.

Products that compare equal are the same map."""


def bilinear(
    product: Product,
    terms: int,
    x: Interval,
    weight: Interval,
    bias: Interval | None = None,
    axis: int = -1,
) -> Interval:
    """Sums of `terms` products of entries of x and of the weight, and a bias, by centre and radius.

    `A·B ∈ A_c B_c ± (|A_c| B_r + A_r |B_c| + A_r B_r)`. The rounding of the products is charged to
    the radii before they are multiplied, which takes no product more. The bias runs along `axis`.
    """
    if not rounding():
        return _unrounded(product, x, weight, bias)
    eps, tiny = limits(x.like)
    # A sum of n products errs by n units of roundoff, eps / 2, of the sum of their sizes, and what
    # is added for that errs itself: twice as much covers both, as long as n eps < 1 / 2.
    gamma = (terms + 16) * eps
    if gamma >= 0.5:
        raise DomainError(
            f"sums of {terms:,} products have no useful bound in {x.like.dtype}; take a wider dtype"
        )
    shift = slack = None
    if bias is not None:
        shift, slack = bias.charged(gamma)
    if isinstance(x, Ball) and weight.is_point:
        value = product(x.center, weight.lower, shift)
        spread = _reach(product, x, weight, gamma)
        if slack is not None:
            spread = spread + slack.reshape(-1, *(1,) * (spread.ndim - 1 - axis % spread.ndim))
    else:
        center, radius = x.charged(gamma)
        if weight.is_point:
            value = product(center, weight.lower, shift)
            spread = product(radius, weight.magnitude, slack)
        else:
            weight_center, weight_radius = weight.center_radius()
            value = product(center, weight_center, shift)
            spread = product(radius, weight_center.abs(), slack)
            spread = spread + product(center.abs() + radius, weight_radius * (1 + gamma), None)
    # The ends are rounded once more.
    gain, share, floor = 1 + 8 * eps, 4 * eps, terms * tiny
    if fused.fits(value, spread):
        fused.to_ends(value, spread, gain, share, floor)
        return Interval(value, spread)
    spread = torch.add(spread * gain, value.abs(), alpha=share) + floor
    return Interval(value - spread, value + spread)


def _reach(product: Product, x: Ball, weight: Interval, gamma: float) -> Tensor:
    """The radius of a ball's image and the rounding of its centre's, bounded by norms.

    `Σ|x||W|` is at most `max|x| Σ|W|`, and at most `‖x‖₂ ‖W‖₂`: a product for each weight instead
    of one for each input.
    """
    eps, tiny = limits(x.center)
    one = x.center.new_ones((1, *x.center.shape[1:]))
    total, length = x.image((product, weight), lambda: _lengths(product, one, weight, gamma))
    rows = x.center.flatten(1)
    shape = (-1, *(1,) * (total.ndim - 1))
    largest, squares = (part.reshape(shape) for part in _norms(rows))
    # Squares of tiny numbers may vanish.
    features = rows.shape[1]
    norm = (squares + features * tiny).sqrt() * (1 + (features + 16) * eps)
    size = torch.minimum(largest * total, norm * length)
    return torch.add(total * (x.radius * (1 + gamma)), size, alpha=gamma * (1 + gamma))


def _norms(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The largest size and the sum of squares of each row."""
    if fused.fits(rows):
        return fused.norms(rows)
    return rows.abs().amax(1), rows.square().sum(1)


def _lengths(
    product: Product, one: Tensor, weight: Interval, gamma: float
) -> tuple[Tensor, Tensor]:
    """`Σ|W|` and at least `‖W‖₂` of the weights that each entry of an image has, [1, ...]."""
    magnitude = weight.magnitude
    square = product(one, magnitude * magnitude, None) + one.numel() * limits(one)[1]
    return product(one, magnitude, None), square.sqrt() * (1 + gamma)


def _unrounded(product: Product, x: Interval, weight: Interval, bias: Interval | None) -> Interval:
    """The same without rounding errors, so that points need no radius."""
    center, radius = x.center_radius()
    weight_center, weight_radius = weight.center_radius()
    shift = slack = None
    if bias is not None:
        shift, slack = bias.center_radius()
        slack = None if bias.is_point else slack
    value = product(center, weight_center, shift)
    if x.is_point and weight.is_point and slack is None:
        return Interval.point(value)
    if x.is_point:
        spread = product(center.abs(), weight_radius, slack)
    else:
        spread = product(radius, weight_center.abs(), slack)
        if not weight.is_point:
            spread = spread + product(center.abs() + radius, weight_radius, None)
    return Interval(value - spread, value + spread)
