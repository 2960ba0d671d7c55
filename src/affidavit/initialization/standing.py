"""Where a search stands, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Standing:
    """Where a search stands.

    Attributes:
        trials: finished after the first run, of `max_trial` (None: without end).
        first, best: validation accuracy of the first run, and the highest.
        seconds: since the call, of `max_time`.
        doing: what is under way, for people.
    """

    trials: int
    max_trial: int | None
    first: float
    best: float
    seconds: float
    max_time: float | None
    doing: str

    @property
    def gain(self) -> float:
        """How far the best run is above the first."""
        return self.best - self.first

    @property
    def seconds_left(self) -> float | None:
        """By the trials and the time that are left, whichever is less; None if neither is known."""
        left = [] if self.max_time is None else [max(0.0, self.max_time - self.seconds)]
        if self.max_trial is not None and self.trials:
            left.append(self.seconds / self.trials * (self.max_trial - self.trials))
        return min(left, default=None)


Progress: TypeAlias = Callable[[Standing], None]
"""Is told where the search stands."""
