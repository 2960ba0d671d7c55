"""Plain reseeding: every run is drawn anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from optuna.distributions import BaseDistribution, IntDistribution
from torch import nn

from affidavit.initialization.start import Start
from affidavit.initialization.strategies.strategy import History, Parameters, Strategy


@dataclass(frozen=True)
class Reseeding(Strategy):
    """Initial weights and the order of rows are drawn anew for each run.

    What a user who trains again gets, and so what every other strategy has to be compared with.
    Runs are independent: statements on the share of runs that reach an accuracy hold for them.
    """

    name: ClassVar[str] = "reseed"
    fresh: ClassVar[bool] = True

    def check(self, start: Start) -> None:
        start.check(fresh=True)

    def space(self, start: Start) -> dict[str, BaseDistribution]:
        return {"seed": IntDistribution(0, 2**32 - 1)}

    def parameters(self, start: Start, position: int, history: History) -> Parameters:
        return {"seed": start.run_seed(position)}

    def model(self, start: Start, given: Parameters) -> nn.Module:
        return start.fresh(given["seed"])

    def order(self, start: Start, given: Parameters) -> int:
        return int(given["seed"])
