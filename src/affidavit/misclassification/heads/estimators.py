"""Heads that scikit-learn has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affidavit.misclassification.heads.base import Head, check_enough
from affidavit.misclassification.signals import Array


@dataclass(frozen=True)
class Estimator(Head):
    """A scikit-learn classifier."""

    @abstractmethod
    def make(self, seed: int) -> Any:
        """The estimator, not fitted."""

    def fit(self, x: NDArray[np.float64], wrong: NDArray[np.bool_], seed: int) -> dict[str, Any]:
        check_enough(wrong)
        return {"estimator": self.make(seed).fit(x, wrong.astype(np.int64))}

    def score(self, fitted: Mapping[str, Any], x: NDArray[np.float64]) -> Array:
        estimator = fitted["estimator"]
        if hasattr(estimator, "decision_function"):
            # Log-odds: far from the boundary, probabilities are all 0 or 1, and tie.
            odds: Array = estimator.decision_function(x)
            return odds
        p: Array = estimator.predict_proba(x)[:, 1]
        return p


@dataclass(frozen=True)
class Forest(Estimator):
    """Random forest: the mean over trees of the share of wrong predictions in a leaf."""

    name: ClassVar[str] = "forest"
    summary: ClassVar[str] = "random forest"

    trees: int = 500
    least_leaf: int = 3

    def make(self, seed: int) -> Any:
        return RandomForestClassifier(
            self.trees, min_samples_leaf=self.least_leaf, random_state=seed, n_jobs=1
        )


@dataclass(frozen=True)
class Boosting(Estimator):
    """Gradient boosting over histograms; log-odds."""

    name: ClassVar[str] = "boosting"
    summary: ClassVar[str] = "gradient-boosted trees"

    rounds: int = 150
    learning_rate: float = 0.05
    leaves: int = 12
    ridge: float = 5.0

    def make(self, seed: int) -> Any:
        return HistGradientBoostingClassifier(
            learning_rate=self.learning_rate,
            max_iter=self.rounds,
            max_leaf_nodes=self.leaves,
            l2_regularization=self.ridge,
            early_stopping=False,
            random_state=seed,
        )


@dataclass(frozen=True)
class Logistic(Estimator):
    """Logistic regression of standardised features, with a ridge penalty; log-odds.

    Attributes:
        strength: inverse of the penalty's weight, `C` of scikit-learn.
    """

    name: ClassVar[str] = "logistic"
    summary: ClassVar[str] = "logistic regression with a ridge penalty"

    strength: float = 0.01

    def make(self, seed: int) -> Any:
        return make_pipeline(StandardScaler(), LogisticRegression(C=self.strength, max_iter=2000))


@dataclass(frozen=True)
class LinearDiscriminant(Estimator):
    """Linear discriminant analysis, the covariance shrunk as Ledoit and Wolf have it; log-odds."""

    name: ClassVar[str] = "lda"
    summary: ClassVar[str] = "linear discriminant analysis, covariance shrunk"

    def make(self, seed: int) -> Any:
        return make_pipeline(
            StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        )
