"""An input in a domain, and the part of the domain where only some of its features change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from affidavit.errors import DomainError
from affidavit.regions import targets
from affidavit.regions.domain import Array, Slice
from affidavit.regions.network import Network


def inside(network: Network, x: Any) -> Array:
    """A whole input, flat, checked to lie in the domain of a network.

    Raises:
        DomainError: another number of features, NaN, or a point outside.
    """
    frame = network.frame
    start = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x, np.float64).reshape(-1)
    if len(start) != len(frame.base):
        raise DomainError(f"the input has {len(start)} features; expected {len(frame.base)}")
    if not np.isfinite(start).all():
        raise DomainError("the input has an entry that is NaN or infinite")
    hidden = np.setdiff1d(np.arange(len(start)), frame.shown)
    near = np.isclose(start[hidden], frame.base[hidden], rtol=1e-9, atol=1e-9).all()
    if not near or not frame.on_domain(start[frame.shown][None])[0]:
        raise DomainError("the input lies outside the domain")
    return start


def slice_through(network: Network, start: Array, features: Sequence[int]) -> Slice:
    """The slice of a network's domain through an input, along some features.

    Raises:
        DomainError: no features, or one that does not vary in the domain.
    """
    frame = network.frame
    places = [targets.free_place(network, feature) for feature in features]
    if not places:
        raise DomainError("no feature may change: name one, or leave `features` out")
    center, half = frame.center[places], frame.half[places]
    A = b = None
    if len(frame.b):
        # The frame's constraints, in the input's own units.
        rows = frame.A / frame.half
        rest = np.setdiff1d(np.arange(frame.dimensions), places)
        t0 = frame.from_user(start[frame.shown])
        A = rows[:, places]
        b = frame.b - frame.A[:, rest] @ t0[rest] + A @ center
    return Slice(
        start, [int(frame.free[place]) for place in places], center - half, center + half, A, b
    )
