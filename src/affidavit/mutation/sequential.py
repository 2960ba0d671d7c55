"""Wald's sequential test of a label change rate, and what it costs and errs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affidavit.errors import DomainError


@dataclass(frozen=True)
class SequentialTest:
    """A truncated sequential probability ratio test (SPRT) of a rate.

    H0, the input is stable: its rate is at most `p0`. H1, it is not: at least `p1`. After n mutants
    of which c changed the label, the log ratio is

        `Λ = c log(p1 / p0) + (n - c) log((1 - p1) / (1 - p0))`,

    computed with the last mutant counted in. The test ends with H1 when `Λ >= log((1 - β) / α)`
    and with H0 when `Λ <= log(β / (1 - α))`, so inputs that never change stop too. After
    `truncation` mutants it ends in any case: with H1 where the rate so far, c / n, is above
    `threshold`.

    Attributes:
        p0, p1: the two rates, 0 < p0 < p1 < 1. In between it does not matter how it ends.
        alpha: share of stable inputs called unstable, about.
        beta: share of unstable inputs called stable, about.
        truncation: most mutants.
        threshold: of the rate when truncated. Left out, the rate at which Λ is 0.

    Wald's bounds make the error rates at most alpha / (1 - beta) and beta / (1 - alpha) without
    truncation; :func:`operating_characteristics` has what they are exactly, with it.

    Raises DomainError for numbers out of these ranges.

    Source: Wald 1945, "Sequential tests of statistical hypotheses"; Wang et al. 2019, section 3,
    whose code looks at the ratio only after a change, and so never stops early for stable inputs.
    """

    p0: float
    p1: float
    alpha: float = 0.05
    beta: float = 0.05
    truncation: int = 100
    threshold: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.p0 < self.p1 < 1:
            raise DomainError(
                f"p0 is {self.p0} and p1 is {self.p1}; expected rates with 0 < p0 < p1 < 1"
            )
        if not (0 < self.alpha < 0.5 and 0 < self.beta < 0.5):
            raise DomainError(
                f"alpha is {self.alpha} and beta is {self.beta}; expected error rates above 0 and"
                " below 0.5"
            )
        if self.truncation < 1:
            raise DomainError(f"truncation is {self.truncation}; expected at least 1 mutant")
        if self.threshold is not None and not 0 <= self.threshold < 1:
            raise DomainError(
                f"threshold is {self.threshold}; expected a rate of at least 0 and below 1"
            )

    @property
    def cut(self) -> float:
        """The rate above which a truncated test ends with H1."""
        if self.threshold is not None:
            return self.threshold
        changed, same = self._steps
        return -same / (changed - same)

    @property
    def _steps(self) -> tuple[float, float]:
        return math.log(self.p1 / self.p0), math.log((1 - self.p1) / (1 - self.p0))

    def decide(self, changed: ArrayLike, used: int) -> NDArray[np.int8]:
        """1 for H1, 0 for H0, -1 to go on, of counts of changes among `used` mutants."""
        counts = np.asarray(changed, np.int64)
        up, down = self._steps
        ratio = counts * up + (used - counts) * down
        found = np.full(counts.shape, -1, np.int8)
        found[ratio >= math.log((1 - self.beta) / self.alpha)] = 1
        found[ratio <= math.log(self.beta / (1 - self.alpha))] = 0
        if used >= self.truncation:
            open_ = found < 0
            found[open_] = counts[open_] / used > self.cut
        return found


@dataclass(frozen=True, eq=False)
class OperatingCharacteristics:
    """What a sequential test does at given rates, exactly.

    Attributes:
        rates: the true rates, [rate].
        unstable: probability that the test ends with H1, [rate].
        truncated: probability that it ends by truncation, [rate].
        mutants: expected number of mutants, [rate].
    """

    rates: NDArray[np.float64]
    unstable: NDArray[np.float64]
    truncated: NDArray[np.float64]
    mutants: NDArray[np.float64]


def operating_characteristics(test: SequentialTest, rates: ArrayLike) -> OperatingCharacteristics:
    """Error probabilities and cost of a test, at true rates in [0, 1].

    By the distribution of the number of changes after each mutant among inputs not yet decided;
    mutants change a label independently, with the same probability. Guarantee: `exact`, but for
    rounding. At `p0` the probability of H1 is the error of the first kind, at `p1` that of H0 the
    error of the second.

    Raises:
        DomainError: a rate outside of [0, 1].
    """
    p = np.atleast_1d(np.asarray(rates, np.float64))
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise DomainError(f"the rates are {rates!r}; expected a list of numbers in [0, 1]")
    open_ = np.zeros((len(p), test.truncation + 1))  # probability of being here, undecided
    open_[:, 0] = 1.0
    unstable, truncated, mutants = (np.zeros(len(p)) for _ in range(3))
    untruncated = SequentialTest(test.p0, test.p1, test.alpha, test.beta, test.truncation + 1)
    counts = np.arange(test.truncation + 1)
    for used in range(1, test.truncation + 1):
        mutants += open_.sum(1)
        moved = open_ * (1 - p[:, None])
        moved[:, 1:] += open_[:, :-1] * p[:, None]
        if used == test.truncation:
            truncated = moved[:, untruncated.decide(counts, used) < 0].sum(1)
        decision = test.decide(counts, used)
        unstable += moved[:, decision == 1].sum(1)
        open_ = np.where(decision == -1, moved, 0.0)
    return OperatingCharacteristics(p, unstable, truncated, mutants)
