"""The least `a·v / |v|` over a box on which a·v >= 0, from below.

The minimum lies at a vertex. Each vertex has a place (A, Q) = (a·v, |v|²) in the plane, and every
other point of the box lies below the hull of these places (Q is convex, A is not bent). As
`A / √Q` falls with Q and its sublevel sets are convex in (A, Q), its least value over the hull is
found on the lower chain of it. That chain is known: start from the vertex of least A, and change
the features to their ends of larger |v| in the order of ΔA / ΔQ, each at most once. The least
value over the chain bounds the box from below, and the chain's corners are vertices, so that they
bound the minimum from above. The two differ only where the least value lies between two corners,
which differ in one feature: the box is then split into the two faces of that feature, as often as
is needed. In many dimensions one feature changes next to nothing, and in few the faces run out.

The bound that is returned is the dual one of :mod:`affidavit.certify.cosine`, with k the slope
that the chain has at its least value.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from affidavit.certify.norms import norms
from affidavit.graph.intervals.interval import limits

TOLERANCE = 1e-7
"""Faces are not split for less than this, by |a|."""

FACES = 256
"""Open faces of one box beyond which they are not split any more."""

ENTRIES = 2**22
"""Numbers that the faces under work may hold together: 32 MiB. Larger boxes get fewer faces."""


@dataclass(frozen=True)
class _Chain:
    """What the chain of each face tells.

    Attributes:
        bound: lower bound over the face, all rounding charged, [face].
        value: least value at a corner, [face].
        corner: that vertex, [face, feature].
        split: the feature in which the corners beside the least value differ, [face].
        between: whether it lies between two corners, [face].
    """

    bound: Tensor
    value: Tensor
    corner: Tensor
    split: Tensor
    between: Tensor


def least(a: Tensor, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """Lower bound, at least 0, of `a·v / |v|` by box, and the best vertex that was met.

    Args:
        a: [batch, feature], entries of at most 1.
        lower, upper: boxes without 0 on which a·v >= 0, entries of at most 1.

    Returns:
        [batch] and [batch, feature].
    """
    # Limits go by the number of features alone, so that no input depends on the batch it is in.
    faces = max(1, min(FACES, ENTRIES // (2 * a.shape[1])))
    rows = max(1, ENTRIES // (2 * faces * a.shape[1]))
    slices = [slice(first, first + rows) for first in range(0, len(a), rows)]
    parts = [_least(a[part], lower[part], upper[part], faces) for part in slices]
    bounds, corners = zip(*parts, strict=True)
    return torch.cat(bounds), torch.cat(corners)


def _least(a: Tensor, lower: Tensor, upper: Tensor, faces: int) -> tuple[Tensor, Tensor]:
    batch = len(a)
    owner = torch.arange(batch, device=a.device)
    tolerance = TOLERANCE * a.norm(dim=1)
    bound = torch.full((batch,), torch.inf, dtype=a.dtype, device=a.device)
    best, corner = bound, lower
    while len(owner):
        found = _chain(a[owner], lower, upper)
        best, corner = _improve(best, corner, owner, found)
        crowded = torch.bincount(owner, minlength=batch)[owner] > faces
        done = ~found.between | crowded | (found.bound >= (best - tolerance)[owner])
        bound = bound.scatter_reduce(0, owner[done], found.bound[done], "amin")
        owner, lower, upper = _split(
            owner[~done], lower[~done], upper[~done], found.split[~done, None]
        )
    return bound, corner


def _improve(best: Tensor, corner: Tensor, owner: Tensor, found: _Chain) -> tuple[Tensor, Tensor]:
    """The best value and vertex of each box after its faces were looked at."""
    better = best.scatter_reduce(0, owner, found.value, "amin")
    faces = torch.arange(len(owner), device=owner.device)
    hit = found.value == better[owner]
    first = torch.full_like(better, len(owner), dtype=torch.long)
    first = first.scatter_reduce(0, owner[hit], faces[hit], "amin")
    has = (first < len(owner)) & (better < best)
    return better, torch.where(has[:, None], found.corner[torch.where(has, first, 0)], corner)


def _split(
    owner: Tensor, lower: Tensor, upper: Tensor, feature: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Both faces of each box in one of its features."""
    at_lower = upper.scatter(1, feature, lower.gather(1, feature))
    at_upper = lower.scatter(1, feature, upper.gather(1, feature))
    return (
        torch.cat([owner, owner]),
        torch.cat([lower, at_upper]),
        torch.cat([at_lower, upper]),
    )


def _chain(a: Tensor, lower: Tensor, upper: Tensor) -> _Chain:
    # Turned so that the upper end has the larger |v|.
    sign = torch.where(lower + upper < 0, -1.0, 1.0)
    turned = a * sign
    ends = torch.stack([lower, upper]) * sign
    low, high = ends.amin(0), ends.amax(0)
    rise, gain = turned * (high - low), (high - low) * (high + low)
    moves = (turned > 0) & (gain > 0)
    start = torch.where(turned > 0, low, high)
    order = torch.where(moves, turned / (high + low), torch.inf).argsort(dim=1, stable=True)
    rise, gain = (torch.where(moves, change, 0).gather(1, order) for change in (rise, gain))
    first_a, first_q = (turned * start).sum(1, keepdim=True), start.square().sum(1, keepdim=True)
    corner_a = torch.cat([first_a, first_a + rise.cumsum(1)], 1)
    corner_q = torch.cat([first_q, first_q + gain.cumsum(1)], 1)

    value, at = (corner_a / corner_q.sqrt()).min(1)
    rank = order.argsort(1)
    corner = torch.where(moves & (rank < at[:, None]), high, start)

    # Within a segment the derivative of A / √Q is 0 at this share of it.
    share = corner_a[:, :-1] / rise - 2 * corner_q[:, :-1] / gain
    share = torch.clamp(torch.nan_to_num(share, 0.0), 0, 1)
    inner_a, inner_q = corner_a[:, :-1] + share * rise, corner_q[:, :-1] + share * gain
    t, segment = (inner_a / inner_q.sqrt()).min(1)
    at_segment = segment[:, None]
    last = value < t  # at the chain's end, which no segment begins with
    t = torch.clamp(torch.minimum(t, value), min=0)
    q = torch.where(last, corner_q.gather(1, at[:, None]).squeeze(1),
                    inner_q.gather(1, at_segment).squeeze(1))  # fmt: skip
    s = share.gather(1, at_segment).squeeze(1)
    return _Chain(
        _dual(a, lower, upper, t, t / (2 * q.sqrt())),
        value,
        corner * sign,
        order.gather(1, at_segment).squeeze(1),
        ~last & (s > 0) & (s < 1),
    )


def _dual(a: Tensor, lower: Tensor, upper: Tensor, t: Tensor, k: Tensor) -> Tensor:
    """The lower bound that t and k certify, at least 0 as a·v is."""
    eps, tiny = limits(a)
    n = a.shape[1]
    slope = k[:, None]
    low = torch.minimum(a * lower - slope * lower.square(), a * upper - slope * upper.square()).sum(
        1
    )
    far = torch.maximum(lower.abs(), upper.abs())
    rest = t * (t / (4 * k))  # t² might underflow, and k be as small
    size = (a.abs() * far + slope * far.square()).sum(1) + rest
    difference = low - rest - (size * ((n + 16) * eps) + (n + 1) * tiny * (2 + k))
    near, farthest = norms(lower, upper)
    found = t + torch.where(difference < 0, difference / near, difference / farthest)
    found = found - found.abs() * (4 * eps)
    return torch.clamp(torch.nan_to_num(found, 0.0, 0.0, 0.0), min=0)
