"""The mean of unlike heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from affidavit.misclassification.heads.base import Head
from affidavit.misclassification.heads.estimators import Boosting, Estimator, Forest, Logistic
from affidavit.misclassification.heads.perceptron import Perceptron
from affidavit.misclassification.signals import Array


@dataclass(frozen=True)
class Vote(Head):
    """The mean of the probabilities that a linear head, trees and perceptrons give.

    They err in unlike ways, so that their mean is seldom worse than the best of them.
    """

    name: ClassVar[str] = "vote"
    summary: ClassVar[str] = "the mean of logistic, forest, boosting and mlp"

    def fit(self, x: NDArray[np.float64], wrong: NDArray[np.bool_], seed: int) -> dict[str, Any]:
        return {
            f"{head.name}/{key}": value
            for head in MEMBERS
            for key, value in head.fit(x, wrong, seed).items()
        }

    def score(self, fitted: Mapping[str, Any], x: NDArray[np.float64]) -> Array:
        found = [self._probability(head, fitted, x) for head in MEMBERS]
        return np.asarray(np.mean(found, axis=0))

    def _probability(self, head: Head, fitted: Mapping[str, Any], x: NDArray[np.float64]) -> Array:
        own = {
            key.partition("/")[2]: value
            for key, value in fitted.items()
            if key.startswith(f"{head.name}/")
        }
        found = head.score(own, x)
        odds = isinstance(head, Estimator) and hasattr(own["estimator"], "decision_function")
        return np.asarray(expit(found)) if odds else found


MEMBERS: tuple[Head, ...] = (Logistic(), Forest(), Boosting(), Perceptron())
