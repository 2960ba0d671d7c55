"""What a search tries next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from optuna.distributions import BaseDistribution
from torch import nn

from affidavit.errors import DomainError
from affidavit.initialization.start import Start

Parameters: TypeAlias = Mapping[str, Any]
"""What tells a trial from others, as the storage keeps it."""

History: TypeAlias = Mapping[int, float]
"""Validation accuracy by position, NaN of a run that failed; those under way are missing."""


@dataclass(frozen=True)
class Rung:
    """A place of successive halving: train until this epoch, go on with the best `kept`."""

    epochs: int
    kept: int


class Strategy:
    """A rule for the initial weights of each trial.

    Trials have positions 0, 1, 2 and so on; 0 is the first run, which all strategies have and
    which limits do not count. What a position tries depends on the search's seed and, for those
    that learn, on the outcomes before it, and on nothing else: a search that was interrupted goes
    on as if it had not been.

    Attributes:
        name: in tables and on the command line.
        fresh: whether every run is drawn anew, independently of all others. Only of such runs may
            one say what share of runs reaches an accuracy.
    """

    name: ClassVar[str]
    fresh: ClassVar[bool] = False

    def check(self, start: Start) -> None:
        """Raises ModelError for a factory that this strategy cannot begin with."""
        start.check(fresh=False)

    def space(self, start: Start) -> dict[str, BaseDistribution]:
        """The parameters of a trial and their ranges."""
        raise NotImplementedError

    def parameters(self, start: Start, position: int, history: History) -> Parameters:
        """What the trial at a position tries."""
        raise NotImplementedError

    def model(self, start: Start, given: Parameters) -> nn.Module:
        """The untrained network of a trial."""
        raise NotImplementedError

    def order(self, start: Start, given: Parameters) -> int:
        """Seed of the order of the rows in training (and of dropout)."""
        raise NotImplementedError

    def positions(self) -> int | None:
        """Trials that there are after the first run; None for no end."""
        return None

    def together(self, asked: int) -> int:
        """How many trials may be under way at once, if the caller asks for so many."""
        return asked

    def rungs(self, epochs: int, count: int) -> tuple[Rung, ...]:
        """Stages of training for `count` trials that begin together; one, for most."""
        return (Rung(epochs, count),)


def whole(name: str, value: int, least: int = 1) -> None:
    """Raises DomainError unless `value` is a whole number of at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise DomainError(f"{name} is {value!r}; expected a whole number, at least {least}")
