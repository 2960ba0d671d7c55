"""Successive halving over seeds: most runs are given up early."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from affidavit.errors import DomainError
from affidavit.initialization.strategies.reseeding import Reseeding
from affidavit.initialization.strategies.strategy import Rung, whole


@dataclass(frozen=True)
class Halving(Reseeding):
    """Many fresh runs begin; after a part of the epochs only the best 1/factor go on.

    With `stages` stages the last goes to all epochs, the one before to 1/factor of them, and so
    on, each at least one epoch and rounded up. Runs that are given up say little of what they
    would have reached: no statement on the share of runs holds for a search by halving.

    Attributes:
        population: runs that begin together.
        factor: by which each stage has fewer runs and more epochs.
        stages: at least 2.

    Source: Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter
    optimization".
    """

    name: ClassVar[str] = "halving"
    fresh: ClassVar[bool] = False

    population: int = 32
    factor: float = 4.0
    stages: int = 3

    def __post_init__(self) -> None:
        whole("population", self.population, 2)
        whole("stages", self.stages, 2)
        if not (math.isfinite(self.factor) and self.factor > 1):
            raise DomainError(f"factor is {self.factor!r}; expected a number above 1")

    def together(self, asked: int) -> int:
        return self.population

    def rungs(self, epochs: int, count: int) -> tuple[Rung, ...]:
        found: dict[int, Rung] = {}
        for stage in range(self.stages):
            until = math.ceil(epochs / self.factor ** (self.stages - 1 - stage) - 1e-9)
            kept = max(1, math.ceil(count / self.factor ** (stage + 1) - 1e-9))
            found[until] = Rung(until, kept)  # with few epochs, two stages may fall together
        *early, last = found.values()
        return (*early, Rung(last.epochs, count))
