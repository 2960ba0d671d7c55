"""The pieces that the boxes of a batch of inputs are divided into, with bounds on each."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from affidavit.graph import Interval


@dataclass(frozen=True, eq=False)
class Leaves:
    """Boxes of inputs, each a part of the box of one input of the batch.

    Attributes:
        owner: that input, [leaf].
        box: the inputs of the leaf, [leaf, *input_shape].
        bounds: of the quantity over it, flat, [leaf, entry].
    """

    owner: Tensor
    box: Interval
    bounds: Interval

    def __len__(self) -> int:
        return len(self.owner)

    def at(self, rows: Tensor) -> Leaves:
        """Some of the leaves, by index or by mask."""
        return Leaves(
            self.owner[rows],
            Interval(self.box.lower[rows], self.box.upper[rows]),
            Interval(self.bounds.lower[rows], self.bounds.upper[rows]),
        )

    def and_(self, other: Leaves) -> Leaves:
        """These leaves and others."""
        return Leaves(
            torch.cat([self.owner, other.owner]),
            _cat(self.box, other.box),
            _cat(self.bounds, other.bounds),
        )

    def halves(self, axis: Tensor) -> Leaves:
        """Both halves of each leaf across an axis of the flat input, side by side, [2 leaf].

        The bounds are still those of the whole leaf.
        """
        lower, upper = self.box.lower.flatten(1), self.box.upper.flatten(1)
        index = axis[:, None]
        middle = lower.gather(1, index) / 2 + upper.gather(1, index) / 2
        boxes = Interval(
            torch.stack([lower, lower.scatter(1, index, middle)], 1),
            torch.stack([upper.scatter(1, index, middle), upper], 1),
        )
        twice = self.at(torch.arange(len(self), device=axis.device).repeat_interleave(2))
        shape = twice.box.lower.shape
        box = Interval(boxes.lower.reshape(shape), boxes.upper.reshape(shape))
        return dataclasses.replace(twice, box=box)

    def bounded_by(self, bounds: Interval) -> Leaves:
        """The leaves with further bounds, in addition to those they have."""
        return dataclasses.replace(self, bounds=meet(self.bounds, bounds))


@dataclass(frozen=True, eq=False)
class Hulls:
    """For each input the least box around some values: empty (inf to -inf) at first.

    Attributes:
        lower, upper: [input, entry].
    """

    lower: Tensor
    upper: Tensor

    @staticmethod
    def empty(inputs: int, like: Tensor) -> Hulls:
        """Hulls of nothing, for values such as `like`, [any, entry]."""
        none = like.new_full((inputs, like.shape[1]), torch.inf)
        return Hulls(none, -none)

    def around(self, owner: Tensor, values: Interval) -> Hulls:
        """The hulls grown around intervals of their inputs, [any, entry]."""
        index = owner[:, None].expand_as(values.lower)
        return Hulls(
            self.lower.scatter_reduce(0, index, values.lower, "amin"),
            self.upper.scatter_reduce(0, index, values.upper, "amax"),
        )

    def missed(self, owner: Tensor, values: Interval) -> Tensor:
        """How far intervals reach out of the hulls of their inputs, [any, entry]."""
        below = (self.lower[owner] - values.lower).clamp(min=0)
        above = (values.upper - self.upper[owner]).clamp(min=0)
        return torch.maximum(below, above)


@dataclass(frozen=True, eq=False)
class Settled:
    """What is known of the values over one leaf.

    Attributes:
        attained: the least interval around those attained in it and others given, [1, entry].
        rest: bounds on all others, where there may be any.
        cost: what it counts for among the boxes that may be bounded.
    """

    attained: Interval
    rest: Interval | None = None
    cost: int = 2


def meet(a: Interval, b: Interval) -> Interval:
    """What two intervals that share a point have in common."""
    lower, upper = torch.maximum(a.lower, b.lower), torch.minimum(a.upper, b.upper)
    # Both hold what they bound; where rounding is all that parts them, neither is given up.
    crossed = lower > upper
    return Interval(
        torch.where(crossed, torch.minimum(a.lower, b.lower), lower),
        torch.where(crossed, torch.maximum(a.upper, b.upper), upper),
    )


def _cat(a: Interval, b: Interval) -> Interval:
    return Interval(torch.cat([a.lower, b.lower]), torch.cat([a.upper, b.upper]))
