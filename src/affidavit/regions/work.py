"""What every engine does: items of work, one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from affidavit.errors import DomainError
from affidavit.regions.domain import Array
from affidavit.regions.geometry import Geometry
from affidavit.regions.network import Network

THIN = 1e-10
"""Regions without a ball of this radius, in the frame's coordinates, do not count."""

SHIFTS = (0.0, 1e-10, 1e-10, 1e-9, 1e-9, 1e-8)
"""Displacements of hyperplanes to try, as shares of each comparison's scale."""


@dataclass(frozen=True)
class Limits:
    """When to stop before the end; what was found by then is kept.

    Attributes:
        regions: number of regions.
        seconds: wall-clock time.
        bytes: memory for the result. Never more than 70 % of what is free at the start.
    """

    regions: float = np.inf
    seconds: float = np.inf
    bytes: float = np.inf

    def __post_init__(self) -> None:
        for name in ("regions", "seconds", "bytes"):
            if not getattr(self, name) > 0:
                raise DomainError(f"the limit on {name} is {getattr(self, name)}; expected above 0")


def available_bytes() -> float:
    """Memory that is free now, or infinity where the system does not say."""
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):
        return np.inf


@dataclass
class Found:
    """What one step of an engine found: pieces of regions, by a point in each.

    Attributes:
        centers, radii: balls inside the pieces, in the frame's coordinates.
        decided: share of the domain gone through in this step: of its volume where the engine
            knows it, of the search tree otherwise.
        patterns: bit-packed states of all units in each piece, [piece, byte], where the engine
            knows them.
        shape: the cells, in the same order, where the engine keeps them.
        distinct: whether patterns are known and distinct: each piece is a region.
        stopped: why the engine can go no further, if it cannot.
    """

    centers: Array
    radii: Array
    decided: float
    shape: Geometry | None = None
    patterns: np.ndarray | None = None
    distinct: bool = False
    stopped: str = ""


class Work(Protocol):
    """An engine at work: a stack of independent items, done one by one."""

    name: str

    @property
    def open(self) -> int:
        """Items left."""

    def again(self, network: Network, limits: Limits) -> Work:
        """The same work left to do, on the same network, within other limits: a copy."""

    def step(self, watch: Callable[[float], None]) -> Found | None:
        """Does one item, or divides it.

        Args:
            watch: to be called often with the share of the item done; may raise, after which the
                item is still to be done.
        """
