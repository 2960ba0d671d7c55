"""Scorers on the probabilities of many models: passes with dropout on, or an ensemble."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affidavit.misclassification.probabilities import entropy
from affidavit.misclassification.scorers.base import Fitted, Scorer, one_of
from affidavit.misclassification.signals import Array, Signals

STATISTICS = {
    "entropy": "entropy of the mean probabilities",
    "variation": "share of the members that predict another class than the model does",
    "doubt": "1 - mean probability of the class that the model predicts",
    "disagreement": "entropy of the mean less the mean entropy (mutual information)",
}
"""What may be made of the members."""


def statistic(name: str, p: NDArray[np.float64], predicted: NDArray[np.int64]) -> Array:
    """One of :data:`STATISTICS`, [n], of probabilities [n, member, class]."""
    if name == "variation":
        return np.asarray((p.argmax(2) != predicted[:, None]).mean(1))
    mean = p.mean(1)
    if name == "doubt":
        return np.asarray(1 - mean[np.arange(len(p)), predicted])
    if name == "entropy":
        return entropy(mean)
    return np.asarray(entropy(mean) - entropy(p).mean(1))


@dataclass
class _Members(Scorer):
    needs_fit: ClassVar[bool] = False
    source: ClassVar[str]

    statistic: str = "entropy"

    def __post_init__(self) -> None:
        one_of(self.name, "statistic", self.statistic, STATISTICS)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"logits", self.source})

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        p = signals.members[self.source].astype(np.float64)
        return statistic(self.statistic, p, signals.predicted)


@dataclass
class Dropout(_Members):
    """A statistic of passes with dropout on. Source: Gal and Ghahramani 2016."""

    name: ClassVar[str] = "mc_dropout"
    summary: ClassVar[str] = "entropy of the mean over passes with dropout on"
    source: ClassVar[str] = "dropout"


@dataclass
class Ensemble(_Members):
    """A statistic of models trained alike from other seeds. Source: Lakshminarayanan et al. 2017.

    Whether the model whose predictions are judged is among the members is for the caller to say.
    """

    name: ClassVar[str] = "ensemble"
    summary: ClassVar[str] = "entropy of the mean over an ensemble"
    source: ClassVar[str] = "ensemble"
