"""From bounds on gradients to certificates: no explanation in the bounds is an attack's success.

All is computed in float64, whatever the dtype of the bounds, and rounded to the safe side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from affidavit.certify import cosine
from affidavit.errors import DomainError, nearest
from affidavit.graph import Interval
from affidavit.graph.intervals.interval import limits, outward

Metric: TypeAlias = Literal["mse", "cosine"]


@dataclass(frozen=True, eq=False)
class Certificate:
    """Which inputs' explanations no adversary can bend, and the worst explanation allowed for.

    Attributes:
        certified: whether it is proved, [batch].
        worst: the explanation within the bounds that is most to the adversary's liking (v^cert),
            [batch, *input_shape], float64.
        value: bound on the metric at every explanation within the bounds, [batch], float64; at
            `worst` it is reached but for rounding (and, where the similarity of an untargeted
            certificate has a sign, but for 1e-7).
    """

    certified: Tensor
    worst: Tensor
    value: Tensor


def fragility(bounds: Interval) -> Tensor:
    """By how much each entry of the explanation can change at most: δ of Definitions 1 and 2.

    Args:
        bounds: of gradients, [batch, *input_shape].

    Returns:
        `upper - lower`, rounded up, in the dtype of the bounds. Differentiable.

    Guarantee: `sound`. Source: Wicker et al. 2022, section 4.
    """
    width = bounds.width
    # A difference of two floats is 0 only where they are equal: nothing is to be rounded there.
    return torch.where(width > 0, outward(width, width, 0).upper, width)


def targeted(bounds: Interval, goal: Tensor, *, tau: float, metric: Metric = "mse") -> Certificate:
    """Certifies that no explanation within the bounds comes close to what an adversary wants.

    Args:
        bounds: of gradients, [batch, *input_shape].
        goal: the explanation wanted (v^targ), of a shape that broadcasts to that of the bounds.
        tau: `mse`: certified where the mean squared difference from the goal is above τ throughout.
            `cosine`: where the cosine similarity to the goal is below τ throughout.
        metric: which of the two.

    Returns:
        The value is a lower bound of the least difference, or an upper bound of the greatest
        similarity. A similarity to the zero vector has no meaning: where the bounds hold it, or
        the goal is it, nothing is certified and the bound is inf.

    Raises:
        DomainError: bounds or goals that are not finite, shapes that do not fit, a threshold
            without meaning, or an unknown metric.

    Guarantee: `exact` for these bounds, up to rounding; the rounding is `sound`. Source: Wicker et
    al. 2022, section 4.1 and appendix H, with the strict inequality of the text.
    """
    lower, upper, wanted = _checked(bounds, goal, "goal", tau, metric)
    if metric == "cosine":
        value, worst = cosine.greatest(wanted.flatten(1), lower.flatten(1), upper.flatten(1))
        return Certificate(value < tau, worst.reshape(lower.shape), value)
    worst = torch.clamp(wanted, lower, upper)
    # The distance of an interval from the goal, rather than of `worst`: one rounding less.
    away = torch.clamp(torch.maximum(lower - wanted, wanted - upper), min=0)
    value = _mean_square(away, up=False)
    return Certificate(value > tau, worst, value)


def untargeted(
    bounds: Interval, explanation: Tensor, *, tau: float, metric: Metric = "mse"
) -> Certificate:
    """Certifies that every explanation within the bounds stays close to the one that was given.

    Args:
        bounds: of gradients, [batch, *input_shape].
        explanation: the clean one (v), of a shape that broadcasts to that of the bounds.
        tau: `mse`: certified where the mean squared difference from it is at most τ throughout.
            `cosine`: where the cosine similarity to it is at least τ throughout.
        metric: which of the two.

    Returns:
        The value is an upper bound of the greatest difference, or a lower bound of the least
        similarity. A similarity to the zero vector has no meaning: where the bounds hold it, or
        the explanation is it, nothing is certified and the bound is -inf.

    Raises:
        DomainError: as of :func:`targeted`.

    Guarantee: `sound`; `exact` for these bounds, up to rounding, with `mse` and, up to 1e-7 in
    most cases, with `cosine` (:mod:`affidavit.certify.cosine`). Source: Wicker et al. 2022,
    section 4.1 and appendix H.
    """
    lower, upper, given = _checked(bounds, explanation, "explanation", tau, metric)
    if metric == "cosine":
        value, worst = cosine.greatest(-given.flatten(1), lower.flatten(1), upper.flatten(1))
        return Certificate(-value >= tau, worst.reshape(lower.shape), -value)
    worst = torch.where(upper - given > given - lower, upper, lower)
    value = _mean_square(torch.maximum(upper - given, given - lower), up=True)
    return Certificate(value <= tau, worst, value)


def _mean_square(difference: Tensor, *, up: bool) -> Tensor:
    """Mean of squares over all axes but the batch's, as an upper or a lower bound.

    Each difference may be off by one rounding.
    """
    eps, tiny = limits(difference)
    square = difference.flatten(1).square()
    n = max(square.shape[1], 1)
    mean = square.sum(1) / n
    slack = (n + 12) * eps
    if up:
        # Differences that are 0 were not rounded.
        return torch.where((difference == 0).flatten(1).all(1), 0.0, mean * (1 + slack) + 2 * tiny)
    # What overflows is large, but not known to be infinite.
    most = torch.finfo(mean.dtype).max
    return torch.clamp(torch.clamp(mean, max=most) * (1 - slack) - 2 * tiny, min=0)


def _checked(
    bounds: Interval, vector: Tensor, name: str, tau: float, metric: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Ends of the bounds and the vector, in float64 and of one shape."""
    if metric not in ("mse", "cosine"):
        known = ("mse", "cosine")
        raise DomainError(
            f"there is no metric {metric!r}{nearest(metric, known)}; expected 'mse' or 'cosine'"
        )
    least, most = (0.0, math.inf) if metric == "mse" else (-1.0, 1.0)
    if not (math.isfinite(tau) and least <= tau <= most):
        expected = "a finite number of at least 0" if metric == "mse" else "a number in [-1, 1]"
        raise DomainError(f"tau is {tau!r}; expected {expected} for the metric {metric!r}")
    lower, upper = ends(bounds)
    if not bool(torch.isfinite(vector).all()):
        raise DomainError(f"{name} holds NaN or infinite entries")
    try:
        wanted = torch.broadcast_to(vector.detach(), lower.shape)
    except RuntimeError:
        raise DomainError(
            f"{name} has the shape {list(vector.shape)}, which does not broadcast to that of the"
            f" bounds, {list(lower.shape)}"
        ) from None
    return lower, upper, wanted.to(lower.device, torch.float64)


def ends(bounds: Interval) -> tuple[Tensor, Tensor]:
    """The ends of bounds [batch, *input_shape] in float64, checked.

    Raises:
        DomainError: bounds that are not finite, are empty, or have no batch axis.
    """
    checked = Interval.between(bounds.lower.detach(), bounds.upper.detach())
    if checked.lower.ndim < 2:
        raise DomainError(
            f"the bounds have the shape {list(checked.lower.shape)}; expected [batch, *input_shape]"
        )
    return checked.lower.double(), checked.upper.double()
