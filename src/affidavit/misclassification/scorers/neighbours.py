"""Scorers on distances to the fitting data, in the space of the penultimate features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from affidavit.errors import DataError, DomainError
from affidavit.misclassification.scorers.base import Fitted, Scorer, one_of, positive
from affidavit.misclassification.signals import Array, Signals

_NEEDS = frozenset({"logits", "penultimate"})


@dataclass
class Neighbours(Scorer):
    """Distance to the k-th nearest of the fitting data, between features of unit length.

    Of all the fitting data (`among="all"`, as in the paper), or of those whose label is the
    predicted class (`among="class"`): k-th nearest or, where the class has fewer, the farthest of
    them. Where it has none, 2: the largest distance between vectors of unit length.

    An input of the fitting data is its own nearest neighbour: score other data.

    Source: Sun et al. 2022, "Out-of-distribution detection with deep nearest neighbors".
    """

    name: ClassVar[str] = "neighbours"
    summary: ClassVar[str] = "distance to the k-th nearest of the fitting data"

    k: int = 10
    among: str = "class"

    def __post_init__(self) -> None:
        positive(self.name, k=self.k)
        one_of(self.name, "among", self.among, ("class", "all"))

    @property
    def needs(self) -> frozenset[str]:
        return _NEEDS

    def _fit(self, signals: Signals, wrong: NDArray[np.bool_], labels: NDArray[np.int64]) -> Fitted:
        return {"features": _unit(_features(signals)), "labels": labels}

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        x = _unit(_features(signals))
        known, labels = _same_width(fitted["features"], x), fitted["labels"]
        if self.among == "all":
            return kth_distance(known, x, self.k)
        found = np.full(len(x), 2.0)
        for of in np.unique(signals.predicted):
            rows, members = signals.predicted == of, known[labels == of]
            if len(members):
                found[rows] = kth_distance(members, x[rows], self.k)
        return found


@dataclass
class TrustScore(Scorer):
    """How much nearer the predicted class is than the nearest other one.

    With d the distance to the nearest fitting input labelled with the predicted class, and d' to
    the nearest labelled otherwise, the trust score is d' / d. The score here is d / (d + d'): it
    falls as d' / d rises, so it orders the inputs the other way round, and it is never infinite.
    Where both are 0 it is 1/2.

    Args:
        k: neighbours that density is judged by.
        alpha: the share of each class, where it is least dense, that is left out: those farthest
            from their k-th nearest of the same class. 0 leaves out none.

    Source: Jiang et al. 2018, "To trust or not to trust a classifier".
    """

    name: ClassVar[str] = "trust_score"
    summary: ClassVar[str] = "distance to the predicted class against that to the nearest other"

    k: int = 10
    alpha: float = 0.0

    def __post_init__(self) -> None:
        positive(self.name, k=self.k)
        if not 0 <= self.alpha < 1:
            raise DomainError(f"{self.name}: alpha is {self.alpha}; expected 0 or more, below 1")

    @property
    def needs(self) -> frozenset[str]:
        return _NEEDS

    def _fit(self, signals: Signals, wrong: NDArray[np.bool_], labels: NDArray[np.int64]) -> Fitted:
        if len(np.unique(labels)) < 2:
            raise DataError(f"{self.name}: all fitting data are of one class; expected two or more")
        x = _features(signals)
        kept = np.ones(len(x), bool)
        for of in np.unique(labels):
            rows = np.flatnonzero(labels == of)
            # An input is its own nearest neighbour, hence k + 1.
            radius = kth_distance(x[rows], x[rows], self.k + 1)
            dropped = int(self.alpha * len(rows))
            kept[rows[np.argsort(radius, kind="stable")[len(rows) - dropped :]]] = False
        return {"features": x[kept], "labels": labels[kept]}

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        x = _features(signals)
        known, labels = _same_width(fitted["features"], x), fitted["labels"]
        own, other = np.full(len(x), np.inf), np.full(len(x), np.inf)
        for of in np.unique(labels):
            distance = kth_distance(known[labels == of], x, 1)
            mine = signals.predicted == of
            own[mine] = distance[mine]
            other[~mine] = np.minimum(other[~mine], distance[~mine])
        unknown = np.isinf(own)
        # A class that the fitting data do not have: nothing speaks for it.
        total = np.where(unknown, 1.0, own + other)
        share = np.divide(own, total, out=np.full(len(x), 0.5), where=total > 0)
        share[unknown] = 1.0
        return np.asarray(share)


def kth_distance(known: Array, x: Array, k: int) -> NDArray[np.float64]:
    """Distance of each row of x to its k-th nearest known row (or the farthest, if fewer)."""
    k = min(k, len(known))
    search = NearestNeighbors(n_neighbors=k).fit(known)
    found: NDArray[np.float64] = search.kneighbors(x)[0][:, -1]
    return found


def _features(signals: Signals) -> NDArray[np.float64]:
    signals.require(("penultimate",))
    return np.asarray(signals.penultimate, np.float64)


def _unit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(np.divide(x, length, out=np.zeros_like(x), where=length > 0))


def _same_width(known: Array, x: Array) -> Array:
    if known.shape[1] != x.shape[1]:
        raise DataError(
            f"the inputs have {x.shape[1]} penultimate features; it was fitted on {known.shape[1]}"
        )
    return known
