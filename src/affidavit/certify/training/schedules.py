"""How a size changes over the steps of training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from affidavit.errors import DomainError

Schedule: TypeAlias = Callable[[int], float]
"""The value at a step, from 0 on."""


@dataclass(frozen=True)
class Constant:
    """The same value at every step."""

    value: float

    def __call__(self, step: int) -> float:
        return self.value


@dataclass(frozen=True)
class Ramp:
    """`start` for `warmup` steps, then in a straight line to `to` within `steps` steps.

    Attributes:
        to: value from step `warmup + steps` on.
        steps: length of the line, at least 1.
        warmup: steps before it.
        start: value before it.
    """

    to: float
    steps: int
    warmup: int = 0
    start: float = 0.0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.warmup < 0:
            raise DomainError(
                f"Ramp: steps is {self.steps} and warmup {self.warmup}; expected at least 1 and 0"
            )

    def __call__(self, step: int) -> float:
        share = min(max((step - self.warmup) / self.steps, 0.0), 1.0)
        return self.start + (self.to - self.start) * share


def schedule(name: str, value: float | Schedule) -> Schedule:
    """The schedule itself, or a constant one; its values are checked at each step.

    Raises:
        DomainError: a number that is negative, infinite or NaN.
    """
    if callable(value):
        return value
    return Constant(checked(name, value))


def checked(name: str, value: float) -> float:
    """The value, which must be a finite number of at least 0.

    Raises:
        DomainError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DomainError(f"{name} is {value!r}; expected a number, or a function of the step")
    if not 0 <= value < math.inf:
        raise DomainError(f"{name} is {value}; expected a finite number of at least 0")
    return float(value)
