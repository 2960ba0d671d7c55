"""The greatest cosine similarity between a vector g and the points v of a box, from above.

Nothing rests on how well the greatest one is searched for. A search proposes a point and a value,
and a dual certificate, evaluated with every rounding charged, turns them into a bound:

- for any t >= 0 and any w no longer than 1, `g·v = t w·v + (g - t w)·v <= t |v| + S` where S is
  the maximum of `(g - t w)·v` over the box, a separable one. So `g·v / |v| <= t + S / |v|`.
- for any t >= 0 and k > 0, `t |v| <= k |v|² + t² / 4k`, so `a·v >= t |v| + D` where D is the
  minimum of `a·v - k |v|²` over the box, less `t² / 4k`: separable again, and found at vertices.

Which one is tight depends on the side of the plane `g·v = 0` that the box reaches:

- Some v has g·v > 0. There the similarity is quasi-concave, so a point where its first-order
  conditions hold is the maximum: `g_i - μ v_i` is 0 inside an edge, at least 0 at its upper end
  and at most 0 at its lower one, with `μ = g·v / |v|² > 0`. That says v = clip(λ g, lower, upper)
  for λ = 1/μ: the maximum lies on a curve of one parameter. Along it the similarity rises while
  `λ g·v < |v|²` and falls afterwards (its derivative is a positive multiple of
  `1 - λ g·v / |v|²`, or 0), and g·v never falls, so bisection finds the top. With t and w the
  value and direction there, S is 0 but for rounding: the bound is exact.
- No v has. With a = -g, the least `a·v / |v|` of a·v >= 0 is sought: a quasi-concave function
  again, whose minimum lies at a vertex, but which one is a combinatorial question:
  :mod:`affidavit.certify.vertices`.

Source: Boyd and Vandenberghe 2004, sections 3.4 and 5.1; the curve is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.certify import vertices
from affidavit.certify.norms import length, norms, unit_scale
from affidavit.graph.intervals.interval import limits

STEPS = 80
"""Bisections of the curve: 1400 / 2^80, the logarithm of all doubles halved, is far below 1e-16."""


def greatest(goal: Tensor, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """An upper bound of the greatest similarity, and the point where it is (nearly) reached.

    Args:
        goal: [batch, feature], finite, float64.
        lower, upper: the box, of the same shape and dtype.

    Returns:
        Bound in [-1, 1] by input, [batch], and point, [batch, feature]. Where the goal is 0 or the
        box holds 0, the bound is infinite.
    """
    nearest_0 = torch.clamp(torch.zeros_like(lower), lower, upper)
    meaningless = (nearest_0 == 0).all(1) | (goal == 0).all(1)
    # By powers of two, which is exact: neither squares nor products overflow.
    g = goal * unit_scale(goal.abs())
    scale = unit_scale(torch.maximum(lower.abs(), upper.abs()))
    low, high = _scaled(lower, upper, scale)
    behind = _least_product(-g, low, high) >= 0
    value, worst = _in_front(g, low, high)
    value = value / length(g).lower
    rows = torch.nonzero(behind & ~meaningless).squeeze(1)
    if len(rows):
        least, at = vertices.least(-g[rows], low[rows], high[rows])
        value = value.index_put((rows,), -(least / length(g[rows]).upper))
        worst = worst.index_put((rows,), at)
    eps, _ = limits(value)
    value = value + value.abs() * (4 * eps)
    # Where a scale was too small or too large to be told, nothing is known.
    value = torch.clamp(torch.where(torch.isfinite(value), value, 1.0), -1, 1)
    worst = torch.where(meaningless[:, None], nearest_0, worst / scale)
    worst = torch.clamp(torch.nan_to_num(worst), lower, upper)
    return torch.where(meaningless, torch.inf, value), worst


def _scaled(lower: Tensor, upper: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """The box times powers of two; ends that underflow are moved outward."""
    _, tiny = limits(lower)
    low, high = lower * scale, upper * scale
    return (
        torch.where((low.abs() < tiny) & (lower != 0), low - tiny, low),
        torch.where((high.abs() < tiny) & (upper != 0), high + tiny, high),
    )


def _least_product(a: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Lower bound of a·v over the box, [batch]."""
    eps, tiny = limits(a)
    n = a.shape[1]
    size = (a.abs() * torch.maximum(lower.abs(), upper.abs())).sum(1)
    slack = size * ((n + 8) * eps) + 2 * n * tiny
    return torch.minimum(a * lower, a * upper).sum(1) - slack


def _in_front(g: Tensor, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """Upper bound of `g·v / |v|` that is tight where some g·v is positive, and the point."""
    v = _top_of_curve(g, lower, upper)
    eps, tiny = limits(g)
    n = g.shape[1]
    w = v / length(v).upper[:, None]
    t = torch.clamp((g * w).sum(1, keepdim=True), min=0)
    rest = g - t * w
    far = torch.maximum(lower.abs(), upper.abs())
    slack = ((g.abs() + t * w.abs()) * far).sum(1) * ((n + 16) * eps) + 2 * n * tiny
    most = torch.maximum(rest * lower, rest * upper).sum(1) + slack
    near, farthest = norms(lower, upper)
    found = t.squeeze(1) + torch.where(most > 0, most / near, most / farthest)
    return torch.clamp(found + found.abs() * (4 * eps), min=0), v


def _top_of_curve(g: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """The best of the points clip(λ g, lower, upper), λ > 0."""
    bends = torch.cat([lower / g, upper / g], 1)
    inner = (bends > 0) & torch.isfinite(bends)
    # Before the first bend and after the last one the curve stands still.
    first = torch.where(inner, bends, torch.inf).amin(1, keepdim=True)
    last = torch.where(inner, bends, 0.0).amax(1, keepdim=True)
    none = ~inner.any(1, keepdim=True)
    low, high = (torch.where(none, 1.0, end) for end in (first, last))
    for _ in range(STEPS):
        middle = low.sqrt() * high.sqrt()
        v = torch.clamp(middle * g, lower, upper)
        product = (g * v).sum(1, keepdim=True)
        rising = (product <= 0) | (middle * product < v.square().sum(1, keepdim=True))
        low, high = torch.where(rising, middle, low), torch.where(rising, high, middle)
    return torch.clamp(high * g, lower, upper)
