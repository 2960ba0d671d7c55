"""Rules for what a search tries next, by name."""

from __future__ import annotations

from affidavit.errors import DomainError, nearest
from affidavit.initialization.strategies.annealing import Annealing
from affidavit.initialization.strategies.halving import Halving
from affidavit.initialization.strategies.initializers import Initializers
from affidavit.initialization.strategies.reseeding import Reseeding
from affidavit.initialization.strategies.strategy import Strategy
from affidavit.initialization.strategies.walk import Walk

STRATEGIES: dict[str, type[Strategy]] = {
    kind.name: kind for kind in (Reseeding, Walk, Annealing, Initializers, Halving)
}
"""All strategies by name."""


def strategy(given: str | Strategy) -> Strategy:
    """A strategy by its name, with its own constants. Raises DomainError for an unknown one."""
    if isinstance(given, Strategy):
        return given
    if given not in STRATEGIES:
        raise DomainError(
            f"there is no strategy {given!r}{nearest(given, STRATEGIES)}; known:"
            f" {', '.join(STRATEGIES)}"
        )
    return STRATEGIES[given]()


__all__ = [
    "STRATEGIES",
    "Annealing",
    "Halving",
    "Initializers",
    "Reseeding",
    "Strategy",
    "Walk",
    "strategy",
]
