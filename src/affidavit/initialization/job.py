"""What is searched, with what, and how far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from affidavit.initialization.functions import ByFunction, TrainingRun
from affidavit.initialization.limits import Limits
from affidavit.initialization.parts import Parts
from affidavit.initialization.start import Start
from affidavit.initialization.strategies import Strategy
from affidavit.initialization.strategies.strategy import Parameters
from affidavit.initialization.training import Trainer


@dataclass(frozen=True)
class Job:
    """The arguments of a search, checked."""

    plan: Strategy
    start: Start
    trainer: Trainer | ByFunction
    parts: Parts
    limits: Limits
    target: float | None

    @property
    def last(self) -> int | None:
        """The last position that may be tried; None for no end."""
        ends = (self.limits.max_trial, self.plan.positions())
        return min((end for end in ends if end is not None), default=None)

    def begin(self, given: Sequence[Parameters]) -> TrainingRun:
        """The networks of these trials, not yet trained."""
        models = [self.plan.model(self.start, one) for one in given]
        seeds = [self.plan.order(self.start, one) for one in given]
        return self.trainer.begin(models, *self.parts.train, seeds)
