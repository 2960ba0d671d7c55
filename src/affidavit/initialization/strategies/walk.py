"""Algorithm 1: all initial weights are moved by δ, again and again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from torch import nn

from affidavit.errors import DomainError
from affidavit.initialization.start import Start, moved
from affidavit.initialization.strategies.strategy import History, Parameters, Strategy, whole


@dataclass(frozen=True)
class Walk(Strategy):
    """The t-th trial of a δ begins at W0 + t δ, every weight and bias moved alike.

    Each δ begins at the first run's W0 and has a budget of its own. The order of the rows is that
    of the first run: nothing but the beginning differs. Steps do not depend on results, so that
    trials can be trained together.

    Attributes:
        deltas: step sizes, in units of the weights; not 0. Negative ones walk the other way.
        budget: trials of each.

    Source: Pan, Nguyen and Ahmed, Algorithm 1; as printed it resets neither trial nor weights
    between two δ, and runs one trial too many.
    """

    name: ClassVar[str] = "walk"

    deltas: tuple[float, ...] = (0.0025, 0.003)
    budget: int = 50

    def __post_init__(self) -> None:
        good = all(math.isfinite(delta) and delta != 0 for delta in self.deltas)
        if not self.deltas or not good or len(set(self.deltas)) < len(self.deltas):
            raise DomainError(
                f"deltas are {list(self.deltas)}; expected different finite numbers other than 0"
            )
        whole("budget", self.budget)

    def check(self, start: Start) -> None:
        super().check(start)
        start.names  # noqa: B018 - raises where there is nothing to move

    def space(self, start: Start) -> dict[str, BaseDistribution]:
        return {
            "delta": FloatDistribution(min(0.0, *self.deltas), max(0.0, *self.deltas)),
            "step": IntDistribution(0, self.budget),
        }

    def parameters(self, start: Start, position: int, history: History) -> Parameters:
        if position == 0:
            return {"delta": self.deltas[0], "step": 0}
        which, step = divmod(position - 1, self.budget)
        return {"delta": self.deltas[which], "step": step + 1}

    def model(self, start: Start, given: Parameters) -> nn.Module:
        model = start.first()
        for _, value in moved(model):
            value += given["step"] * given["delta"]
        return model

    def order(self, start: Start, given: Parameters) -> int:
        return start.run_seed(0)

    def positions(self) -> int | None:
        return len(self.deltas) * self.budget
