"""The user's intent: how long, how often and how far a search may go."""

from __future__ import annotations

import math
from dataclasses import dataclass

from affidavit.errors import DomainError


@dataclass(frozen=True)
class Limits:
    """A search ends at whichever limit it comes to first.

    Attributes:
        max_time: seconds from the call. A batch of trials is begun only if, at the speed seen so
            far, all of it but one trial fits: the search overruns by at most about one trial.
        max_trial: trials after the first run (Algorithm 1 trains that one before it counts). Of a
            search that is resumed or shared: of all calls together.
        max_gain: the search ends once a run's validation accuracy is above that of the first run
            by at least this much; a share of 1.

    Raises DomainError unless time or trials are limited, and for limits that are not finite and
    above zero.
    """

    max_time: float | None = None
    max_trial: int | None = None
    max_gain: float | None = None

    def __post_init__(self) -> None:
        if self.max_time is None and self.max_trial is None:
            raise DomainError(
                "the search has no end: expected max_time (seconds), max_trial, or both"
            )
        if self.max_time is not None and not (math.isfinite(self.max_time) and self.max_time > 0):
            raise DomainError(
                f"max_time is {self.max_time!r}; expected a finite number of seconds above 0"
            )
        if self.max_trial is not None and (
            not isinstance(self.max_trial, int)
            or isinstance(self.max_trial, bool)
            or self.max_trial < 1
        ):
            raise DomainError(f"max_trial is {self.max_trial!r}; expected a whole number above 0")
        check_share("max_gain", self.max_gain)


def check_share(name: str, value: float | None) -> None:
    """Raises DomainError unless an accuracy, or a difference of two, is in (0, 1] or left out."""
    if value is None or (math.isfinite(value) and 0 < value <= 1):
        return
    hint = f"; {value:g} % is {value / 100:g}" if 1 < value <= 100 else ""
    raise DomainError(f"{name} is {value!r}; expected a share above 0, at most 1{hint}")
