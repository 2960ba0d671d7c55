"""Intervals of one radius around known points, as boxes of inputs are."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from functools import cached_property

import torch
from torch import Tensor

from affidavit.graph.intervals.interval import Interval


class Ball(Interval):
    """All tensors within one radius of a centre, entry by entry.

    A first affine layer needs no more than these two numbers an entry, and one product for the
    radius of the whole batch. The ends, moved outward to the next numbers of the dtype, are
    computed when something asks for them.

    Attributes:
        center: [batch, ...].
        radius: at least 0, one number of the centre's dtype.
    """

    center: Tensor
    radius: Tensor
    _images: dict[Hashable, tuple[Tensor, ...]]

    def __init__(
        self,
        center: Tensor,
        radius: Tensor,
        images: dict[Hashable, tuple[Tensor, ...]] | None = None,
    ) -> None:
        object.__setattr__(self, "center", center)
        object.__setattr__(self, "radius", radius)
        object.__setattr__(self, "_images", {} if images is None else images)

    @cached_property
    def lower(self) -> Tensor:
        return torch.nextafter(self.center - self.radius, self.center.new_tensor(-math.inf))

    @cached_property
    def upper(self) -> Tensor:
        return torch.nextafter(self.center + self.radius, self.center.new_tensor(math.inf))

    @property
    def is_point(self) -> bool:
        """Never: a radius of 0 is no ball."""
        return False

    @property
    def like(self) -> Tensor:
        """The centre."""
        return self.center

    def part(self, batch: slice) -> Ball:
        """The same for some of the batch."""
        return self.at(self.center[batch])

    def at(self, center: Tensor) -> Ball:
        """A ball of the same radius around some of the entries, or around all in another order."""
        return Ball(center, self.radius, self._images)

    def image(self, key: Hashable, compute: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        """What depends on the centre by its shape alone, computed once for all parts of a batch."""
        place = (key, self.center.shape[1:])
        if place not in self._images:
            self._images[place] = compute()
        return self._images[place]
