"""Scorers that learn which features go with wrong predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from affidavit.errors import DataError, DomainError
from affidavit.misclassification.features import block, matrix, needs_of
from affidavit.misclassification.heads import Head, head
from affidavit.misclassification.heads.base import check_enough
from affidavit.misclassification.scorers.base import Fitted, Scorer
from affidavit.misclassification.signals import Array, Signals


@dataclass
class Learned(Scorer):
    """A head on blocks of features.

    Args:
        features: names of :data:`affidavit.misclassification.features.BLOCKS`, side by side.
        head: a name of :data:`affidavit.misclassification.heads.HEADS`, or a head.
        layers: whose conductance counts; all that the signals have when left out.
        seed: of the head.

    Source: "Leveraging model interpretability and stability", 4.1.2 (`features=("conductance",)`,
    `head="mlp"`).
    """

    name: ClassVar[str] = "learned"
    summary: ClassVar[str] = "a head on any mixture of features"

    features: Sequence[str] = ("conductance",)
    head: str | Head = "mlp"
    layers: Sequence[str] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        _check_features(self.name, self.features)
        head(self.head)

    @property
    def needs(self) -> frozenset[str]:
        return needs_of(self.features)

    def _fit(self, signals: Signals, wrong: NDArray[np.bool_], labels: NDArray[np.int64]) -> Fitted:
        return self._learn(self._columns(signals), wrong)

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        return _scored(self.head, fitted, self._columns(signals))

    def _columns(self, signals: Signals) -> NDArray[np.float64]:
        return matrix(signals, self.features, self.layers)

    def _learn(self, x: NDArray[np.float64], wrong: NDArray[np.bool_]) -> dict[str, Any]:
        fitted = head(self.head).fit(x, wrong, self.seed)
        return {**fitted, "columns": np.array(x.shape[1])}


@dataclass
class Joint(Scorer):
    """A second head on the score of a first one and further features: the paper's joint detector.

    The first head scores its own fitting data better than new data, so a second head that sees
    those scores trusts them too much. Here the second head learns from scores that the first one
    gives when fitted on the other folds (`folds`), and the first one is then fitted on everything.
    `folds=None` does it as the paper does, on the first head's scores of its own fitting data.

    Args:
        features, head: of the first head, as of :class:`Learned`.
        further: features of the second head beside the first one's score.
        joint_head: the second head.
        folds: parts for the scores out of fold; None for the paper's way.
        layers: whose conductance counts; all that the signals have when left out.
        seed: of heads and folds.

    Source: "Leveraging model interpretability and stability", 4.3; scores out of fold: Wolpert
    1992, "Stacked generalization".
    """

    name: ClassVar[str] = "joint"
    summary: ClassVar[str] = "a second head on a first one's score and the label change rate"

    features: Sequence[str] = ("conductance",)
    head: str | Head = "mlp"
    further: Sequence[str] = ("label_change_rate",)
    joint_head: str | Head = "joint_mlp"
    folds: int | None = 5
    layers: Sequence[str] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        _check_features(self.name, self.features)
        _check_features(self.name, self.further)
        head(self.head)
        head(self.joint_head)
        if self.folds is not None and self.folds < 2:
            raise DomainError(f"{self.name}: folds is {self.folds}; expected 2 or more, or None")

    @property
    def needs(self) -> frozenset[str]:
        return needs_of((*self.features, *self.further))

    def _fit(self, signals: Signals, wrong: NDArray[np.bool_], labels: NDArray[np.int64]) -> Fitted:
        first = self._first()
        x = matrix(signals, self.features, self.layers)
        fitted = first._learn(x, wrong)
        if self.folds is None:
            scores = head(self.head).score(fitted, x)
        else:
            scores = self._out_of_fold(first, x, wrong, self.folds)
        joined = self._joined(scores, signals)
        second = head(self.joint_head).fit(joined, wrong, self.seed)
        return {
            **{f"first/{key}": value for key, value in fitted.items()},
            **{f"second/{key}": value for key, value in second.items()},
            "second/columns": np.array(joined.shape[1]),
        }

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        scores = self._first()._score(signals, _part(fitted, "first/"))
        return _scored(self.joint_head, _part(fitted, "second/"), self._joined(scores, signals))

    def _first(self) -> Learned:
        return Learned(self.features, self.head, self.layers, self.seed)

    def _out_of_fold(
        self, first: Learned, x: NDArray[np.float64], wrong: NDArray[np.bool_], folds: int
    ) -> Array:
        """The score of each input by a first head that was fitted without its fold."""
        # Two of either kind are to be left when a fold is taken out.
        check_enough(wrong, 3)
        fewest = min(int(wrong.sum()), int((~wrong).sum()))
        split = StratifiedKFold(min(folds, fewest), shuffle=True, random_state=self.seed)
        scores = np.empty(len(x))
        for rest, fold in split.split(x, wrong):
            scores[fold] = head(self.head).score(first._learn(x[rest], wrong[rest]), x[fold])
        return scores

    def _joined(self, scores: Array, signals: Signals) -> NDArray[np.float64]:
        return np.column_stack([scores, matrix(signals, self.further, self.layers)])


@dataclass
class LogitsPerceptron(Learned):
    """The perceptrons on the logits."""

    name: ClassVar[str] = "mlp_logits"
    summary: ClassVar[str] = "perceptrons on the logits"

    features: Sequence[str] = ("logits",)


@dataclass
class PenultimatePerceptron(Learned):
    """The perceptrons on the penultimate features: is conductance more than these?"""

    name: ClassVar[str] = "mlp_penultimate"
    summary: ClassVar[str] = "perceptrons on the input of the last linear layer"

    features: Sequence[str] = ("penultimate",)


def _check_features(name: str, features: Sequence[str]) -> None:
    if isinstance(features, str):
        raise DomainError(f"{name}: features are {features!r}; expected a list: [{features!r}]")
    if not features:
        raise DomainError(f"{name}: no features; expected at least one")
    for one in features:
        block(one)


def _scored(of: str | Head, fitted: Fitted, x: NDArray[np.float64]) -> Array:
    """The head's scores. Raises DataError for other columns than it was fitted on."""
    known = int(fitted["columns"])
    if x.shape[1] != known:
        raise DataError(f"the features have {x.shape[1]} columns; it was fitted on {known}")
    return head(of).score(fitted, x)


def _part(fitted: Fitted, prefix: str) -> dict[str, Any]:
    return {
        key.removeprefix(prefix): value for key, value in fitted.items() if key.startswith(prefix)
    }
