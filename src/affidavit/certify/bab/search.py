"""Branch and bound over boxes of inputs, for bounds that tighten the longer it runs.

The box of each input is divided into leaves. Bounds on all leaves together are bounds on the box,
and bounds on a smaller leaf are tighter. Values at points inside leaves say from within how wide
the bounds must be: a leaf whose bounds do not reach out of these is finished, for it cannot widen
the result. The leaves that reach out farthest are divided next.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from affidavit.certify.bab.leaves import Hulls, Leaves, Settled, meet
from affidavit.errors import DomainError
from affidavit.graph import Interval

_INSIDE = (0.3, 0.7)
"""Where in a leaf its point lies, as shares of its widths: drawn once for each feature. The very
middle would do, but kinks of symmetric networks meet there."""


class Quantity(Protocol):
    """What is bounded: a function of the input, with some numbers for entries.

    Boxes have the shape [box, *input_shape], values [box, entry]; `owner` says which input of the
    batch each of them belongs to.
    """

    def bound(self, box: Interval, owner: Tensor) -> Interval:
        """Bounds over boxes."""

    def at(self, x: Tensor, owner: Tensor) -> Tensor:
        """Values at points."""

    def worth(self, box: Interval, owner: Tensor, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Worth of a cut across each feature, [box, feature], and how many entries still switch in
        each box, [box], where that is known; x is a point in each."""

    def settle(
        self, leaf: Leaves, switching: int, attained: Interval, room: int, seconds: float
    ) -> Settled | None:
        """What the values over one leaf are, where that can be told outright; else None.

        Args:
            switching: entries that switch in the leaf.
            attained: values that need not be found again, flat, [1, entry].
            room: what it may cost.
            seconds: the time it may take.
        """


@dataclass(frozen=True)
class Progress:
    """How far a search is.

    Attributes:
        boxes: boxes bounded so far, of all inputs.
        open: leaves that may still widen the bounds.
        gap: widest distance between bounds and attained values, as a share of the bounds' size at
            the start.
        seconds: time taken.
    """

    boxes: int
    open: int
    gap: float
    seconds: float


@dataclass(frozen=True)
class Budget:
    """When to stop.

    Attributes:
        boxes: boxes bounded for each input.
        seconds: time for all inputs together.
        tolerance: distance between bounds and attained values, as a share of the bounds' size at
            the start, from which on they count as met.
        width: leaves of an input that are divided at once.
        together: boxes that are bounded at once.
        samples: points of each input's box that are tried at first.
    """

    boxes: int = 1000
    seconds: float = math.inf
    tolerance: float = 1e-9
    width: int = 16
    together: int = 256
    samples: int = 64

    def __post_init__(self) -> None:
        for name in ("boxes", "seconds", "width", "together", "samples"):
            if not getattr(self, name) > 0:
                raise DomainError(f"{name} is {getattr(self, name)}; expected above 0")
        if not self.tolerance >= 0:
            raise DomainError(f"tolerance is {self.tolerance}; expected at least 0")


class Search:
    """The state of a search: leaves that are open, and hulls of what was found."""

    def __init__(
        self,
        quantity: Quantity,
        box: Interval,
        x: Tensor | None,
        budget: Budget,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Bounds the whole boxes, and looks at points in them.

        Args:
            quantity: what is bounded.
            box: of the inputs, [batch, *input_shape], float64.
            x: points of the boxes whose values are to lie within the bounds, whatever they are.
        """
        self.quantity, self.budget, self.progress = quantity, budget, progress
        self.started = time.monotonic()
        inputs = len(box.lower)
        owner = torch.arange(inputs, device=box.lower.device)
        generator = torch.Generator().manual_seed(0)
        shape = box.lower.shape[1:]
        low, high = _INSIDE
        place = low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)
        self.place = place.to(box.lower.device)
        self.root = self._bound(box, owner)
        self.spent = torch.ones(inputs, dtype=torch.long, device=box.lower.device)
        self.scale = torch.maximum(self.root.lower.abs(), self.root.upper.abs()).amax(1)
        self.attained = Hulls.empty(inputs, self.root.lower)
        self.closed = self.attained
        if x is not None:
            self._look(x, owner, self.root)
        for _ in range(budget.samples):
            share = torch.rand(shape, generator=generator, dtype=torch.float64)
            # Every other point is a corner.
            share = share.round() if _ % 2 else share
            self._look(_inside(box, share.to(box.lower.device)), owner, self.root)
        self.open = Leaves(owner, box, self.root)

    def run(self) -> None:
        """Divides leaves until none is open, or the budget is spent."""
        while True:
            self._close(self._finished(self.open))
            chosen = self._choose()
            self._report()
            if not len(chosen) or self._stopped():
                break
            leaves = self.open.at(chosen)
            left = torch.ones(len(self.open), dtype=torch.bool, device=chosen.device)
            left[chosen] = False
            self.open = self.open.at(left)
            self._divide(leaves)

    @property
    def bounds(self) -> Interval:
        """Bounds on the quantity, whenever the search was stopped, [batch, entry]."""
        found = self.attained.around(self.open.owner, self.open.bounds)
        lower = torch.minimum(found.lower, self.closed.lower)
        upper = torch.maximum(found.upper, self.closed.upper)
        return meet(self.root, Interval(lower, upper))

    def _stopped(self) -> bool:
        return time.monotonic() - self.started >= self.budget.seconds

    def _bound(self, box: Interval, owner: Tensor) -> Interval:
        with torch.no_grad():
            found = self.quantity.bound(box, owner)
        return Interval(found.lower.flatten(1), found.upper.flatten(1))

    def _look(self, x: Tensor, owner: Tensor, bounds: Interval) -> None:
        """Notes the values at a point of each leaf."""
        value = self.quantity.at(x, owner).flatten(1)
        # They lie within the leaf's bounds; a rounding that differs must not widen these.
        value = torch.minimum(torch.maximum(value, bounds.lower), bounds.upper)
        self.attained = self.attained.around(owner, Interval.point(value))

    def _finished(self, leaves: Leaves) -> Tensor:
        """Which leaves cannot widen the bounds any more."""
        least = self.budget.tolerance * self.scale[leaves.owner]
        return self.attained.missed(leaves.owner, leaves.bounds).amax(1) <= least

    def _close(self, done: Tensor) -> None:
        if bool(done.any()):
            leaves = self.open.at(done)
            self.closed = self.closed.around(leaves.owner, leaves.bounds)
            self.open = self.open.at(~done)

    def _choose(self) -> Tensor:
        """The leaves to divide next: of each input those that reach out farthest."""
        owner = self.open.owner
        reach = self.attained.missed(owner, self.open.bounds).sum(1)
        order = reach.argsort(descending=True, stable=True)
        order = order[owner[order].argsort(stable=True)]
        count = torch.bincount(owner, minlength=len(self.spent))
        rank = (
            torch.arange(len(order), device=owner.device) - (count.cumsum(0) - count)[owner[order]]
        )
        room = (self.budget.boxes - self.spent).div(2, rounding_mode="floor")
        return order[rank < room.clamp(0, self.budget.width)[owner[order]]]

    def _divide(self, leaves: Leaves) -> None:
        """Settles or halves leaves; those for which time ran out are open again."""
        for start in range(0, len(leaves), self.budget.together // 2 or 1):
            rest = torch.arange(start, len(leaves), device=leaves.owner.device)
            if self._stopped():
                self.open = self.open.and_(leaves.at(rest))
                return
            part = leaves.at(rest[: self.budget.together // 2 or 1])
            x = _inside(part.box, self.place)
            worth, switching = self.quantity.worth(part.box, part.owner, x)
            settled = torch.zeros(len(part), dtype=torch.bool, device=part.owner.device)
            if switching is not None:
                settled = self._settle(part, switching)
            halved = part.at(~settled)
            axis, cut = _axis(halved.box, worth[~settled])
            # Nothing is left to be cut where all features are as narrow as numbers can be.
            stuck = halved.at(~cut)
            self.closed = self.closed.around(stuck.owner, stuck.bounds)
            halves = halved.at(cut).halves(axis[cut])
            self.spent = self.spent + torch.bincount(halves.owner, minlength=len(self.spent))
            if not len(halves):
                continue
            halves = halves.bounded_by(self._bound(halves.box, halves.owner))
            self._look(_inside(halves.box, self.place), halves.owner, halves.bounds)
            self.open = self.open.and_(halves)

    def _settle(self, leaves: Leaves, switching: Tensor) -> Tensor:
        """Finds the extremes of leaves outright where that is quick; which were."""
        done = torch.zeros(len(leaves), dtype=torch.bool, device=leaves.owner.device)
        for i in range(len(leaves)):
            one = leaves.at(torch.tensor([i], device=done.device))
            left = self.budget.seconds - (time.monotonic() - self.started)
            if left <= 0:
                break
            # Nobody's share of the time is taken by the inputs before it.
            left /= len(torch.unique(leaves.owner[i:]))
            known = Interval(self.attained.lower[one.owner], self.attained.upper[one.owner])
            room = int(self.budget.boxes - self.spent[one.owner])
            found = self.quantity.settle(one, int(switching[i]), known, room, left)
            if found is None:
                continue
            done[i] = True
            self.spent[one.owner] += found.cost
            self.attained = self.attained.around(one.owner, meet(found.attained, one.bounds))
            if found.rest is not None:
                self.closed = self.closed.around(one.owner, meet(found.rest, one.bounds))
        return done

    def _report(self) -> None:
        if self.progress is None:
            return
        found = self.bounds
        missed = self.attained.missed(
            torch.arange(len(self.scale), device=self.scale.device), found
        ).amax(1)
        share = missed / self.scale.clamp(min=torch.finfo(missed.dtype).tiny)
        self.progress(
            Progress(
                boxes=int(self.spent.sum()),
                open=len(self.open),
                gap=float(share.max()) if len(share) else 0.0,
                seconds=time.monotonic() - self.started,
            )
        )


def _inside(box: Interval, share: Tensor) -> Tensor:
    """A point of each box, at these shares of its widths."""
    x = box.lower + (box.upper - box.lower) * share
    return torch.minimum(torch.maximum(x, box.lower), box.upper)


def _axis(box: Interval, worth: Tensor) -> tuple[Tensor, Tensor]:
    """The feature to cut each box across, and whether there is one with numbers in between."""
    lower, upper = box.lower.flatten(1), box.upper.flatten(1)
    middle = lower / 2 + upper / 2
    free = (lower < middle) & (middle < upper)
    # Where no feature is worth anything, the widest one.
    width = (upper - lower) / (upper - lower).amax(1, keepdim=True).clamp(min=1e-300)
    best = worth.amax(1, keepdim=True)
    score = torch.where(best > 0, worth, width).masked_fill(~free, -1.0)
    return score.argmax(1), free.any(1)
