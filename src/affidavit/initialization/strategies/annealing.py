"""Adaptive simulated annealing of how far each weight tensor is moved."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, FloatDistribution
from torch import nn

from affidavit.errors import DomainError
from affidavit.initialization.start import Start, moved
from affidavit.initialization.strategies.strategy import History, Parameters, Strategy, whole

Vector = NDArray[np.float64]

_SHIFT = "shift "


@dataclass(frozen=True)
class Annealing(Strategy):
    """Every weight and bias tensor is moved by an amount of its own, found by annealing.

    A state is a number for each tensor, added to all of its first weights W0. The cost is the share
    of validation rows that the trained network gets wrong. States are drawn by Ingber's
    heavy-tailed distribution, whose temperature falls for each tensor as `exp(-c k^(1/D))` with the
    number k of states drawn and D tensors; worse ones are accepted with `exp(-(worse by) / T)`, T
    falling with the number accepted. After every few acceptances temperatures are raised where the
    cost hardly changes: slopes are those of a linear fit to all states of the chain, as differences
    of the cost itself would each take a training.

    Attributes:
        reach: greatest move of a tensor, in units of the weights.
        chains: independent annealings, trained together.
        steps: states of a chain in which the temperatures fall to `coldest`.
        coldest: share of the first temperature, in (0, 1).
        reanneal: acceptances between two adaptations.

    Source: Ingber 1989, "Very fast simulated re-annealing", and 2000, "Adaptive simulated annealing
    (ASA): lessons learned", which the paper names as its search.
    """

    name: ClassVar[str] = "anneal"

    reach: float = 0.15
    chains: int = 1
    steps: int = 50
    coldest: float = 1e-5
    reanneal: int = 10

    def __post_init__(self) -> None:
        for name in ("chains", "steps", "reanneal"):
            whole(name, getattr(self, name))
        if not (math.isfinite(self.reach) and self.reach > 0):
            raise DomainError(f"reach is {self.reach!r}; expected a finite number above 0")
        if not 0 < self.coldest < 1:
            raise DomainError(f"coldest is {self.coldest!r}; expected a number between 0 and 1")

    def check(self, start: Start) -> None:
        super().check(start)
        start.names  # noqa: B018 - raises where there is nothing to move

    def space(self, start: Start) -> dict[str, BaseDistribution]:
        return {_SHIFT + name: FloatDistribution(-self.reach, self.reach) for name in start.names}

    def parameters(self, start: Start, position: int, history: History) -> Parameters:
        shifts = np.zeros(len(start.names))
        if position:
            index, number = divmod(position - 1, self.chains)
            chain = Chain(self, len(shifts), (start.seed, number), _cost(history, 0))
            for earlier in range(index):
                chain.see(chain.propose(), _cost(history, 1 + earlier * self.chains + number))
            shifts = chain.propose()
        return {
            _SHIFT + name: float(shift) for name, shift in zip(start.names, shifts, strict=True)
        }

    def model(self, start: Start, given: Parameters) -> nn.Module:
        model = start.first()
        for name, value in moved(model):
            value += given[_SHIFT + name]
        return model

    def order(self, start: Start, given: Parameters) -> int:
        return start.run_seed(0)

    def together(self, asked: int) -> int:
        return self.chains


@dataclass
class Chain:
    """One annealing. Draws depend on the seed and the number of states seen alone.

    Attributes:
        settings: constants.
        size: tensors, D.
        seed: of the draws.
        cost: of the state it is at, at first all zeros.
    """

    settings: Annealing
    size: int
    seed: tuple[int, ...]
    cost: float
    at: Vector = field(init=False)
    _ages: Vector = field(init=False)
    _seen: list[tuple[Vector, float]] = field(init=False)
    _accepted: int = field(default=0, init=False)
    _acceptance_age: float = field(default=0.0, init=False)
    _hottest: float = field(init=False)

    def __post_init__(self) -> None:
        self.at = np.zeros(self.size)
        self._ages = np.zeros(self.size)
        self._seen = [(self.at, self.cost)]
        # The first cost is the scale of costs; an error of 0 leaves nothing to accept.
        self._hottest = self.cost

    def propose(self) -> Vector:
        """The next state to try; the same until it is seen."""
        generator = np.random.default_rng((*self.seed, len(self._seen), 0))
        width = 2 * self.settings.reach
        state = np.empty(self.size)
        for place, temperature in enumerate(np.exp(-self._rate * self._ages ** (1 / self.size))):
            while True:  # until inside: near a border, at most about every other draw is
                u = generator.random()
                size = temperature * ((1 + 1 / temperature) ** abs(2 * u - 1) - 1)
                state[place] = self.at[place] + math.copysign(size, u - 0.5) * width
                if abs(state[place]) <= self.settings.reach:
                    break
        return state

    def see(self, state: Vector, cost: float) -> None:
        """Accepts the state or not. A cost of infinity is never accepted."""
        draw = np.random.default_rng((*self.seed, len(self._seen), 1)).random()
        self._seen.append((state, cost))
        self._ages += 1
        worse = cost - self.cost
        if worse > 0 and (self.temperature == 0 or draw >= math.exp(-worse / self.temperature)):
            return
        self.at, self.cost = state, cost
        self._accepted += 1
        self._acceptance_age += 1
        if self._accepted % self.settings.reanneal == 0:
            self._adapt()

    @property
    def temperature(self) -> float:
        """Of acceptance."""
        return self._hottest * math.exp(-self._rate * self._acceptance_age ** (1 / self.size))

    @property
    def _rate(self) -> float:
        """c, such that the temperature is `coldest` after `steps`: c steps^(1/D) = -ln coldest."""
        return float(-math.log(self.settings.coldest) * self.settings.steps ** (-1 / self.size))

    def _adapt(self) -> None:
        """Temperatures follow the slopes, acceptance how far the chain is above its best."""
        slopes = np.abs(self._slopes())
        if slopes.max() > 0:
            # No slope at all is as good as a very small one.
            ratio = slopes.max() / np.maximum(slopes, slopes.max() * self.settings.coldest)
            cooled = np.maximum(self._rate * self._ages ** (1 / self.size) - np.log(ratio), 0.0)
            self._ages = (cooled / self._rate) ** self.size
        best = min(cost for _, cost in self._seen)
        if self._hottest > 0:
            least = self.settings.coldest * self._hottest
            wanted = min(max(self.cost - best, least), self._hottest)
            cooled_by = math.log(self._hottest / wanted)
            self._acceptance_age = (cooled_by / self._rate) ** self.size

    def _slopes(self) -> Vector:
        """Of the plane through all finite costs of the chain, by least squares of least norm."""
        known = [(state, cost) for state, cost in self._seen if math.isfinite(cost)]
        states = np.array([state for state, _ in known])
        costs = np.array([cost for _, cost in known])
        centred = states - states.mean(0)
        slopes: Vector = np.linalg.lstsq(centred, costs - costs.mean(), rcond=None)[0]
        return slopes


def _cost(history: History, position: int) -> float:
    """The share that is wrong; infinity for a run that failed or is not known."""
    accuracy = history.get(position, math.nan)
    return math.inf if math.isnan(accuracy) else 1 - accuracy
