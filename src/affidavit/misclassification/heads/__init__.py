"""Heads: classifiers of features into right and wrong predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from affidavit.errors import DomainError, nearest
from affidavit.misclassification.heads.base import Head
from affidavit.misclassification.heads.estimators import (
    Boosting,
    Forest,
    LinearDiscriminant,
    Logistic,
)
from affidavit.misclassification.heads.gaussians import QuadraticDiscriminant
from affidavit.misclassification.heads.perceptron import Perceptron
from affidavit.misclassification.heads.vote import Vote

HEADS: dict[str, Head] = {
    "mlp": Perceptron(),
    "joint_mlp": Perceptron(hidden=(10, 10), dropout=0.0),
    "forest": Forest(),
    "boosting": Boosting(),
    "lda": LinearDiscriminant(),
    "qda": QuadraticDiscriminant(),
    "logistic": Logistic(),
    "vote": Vote(),
}
"""The heads by name, with their usual settings."""

_KINDS = {type(head).name: type(head) for head in HEADS.values()}


def head(of: str | Head) -> Head:
    """The head of that name, or the one given. Raises DomainError for an unknown name."""
    if isinstance(of, Head):
        return of
    if of not in HEADS:
        raise DomainError(
            f"there is no head {of!r}{nearest(str(of), HEADS)}; there are {', '.join(HEADS)}"
        )
    return HEADS[of]


def written(of: str | Head) -> Any:
    """A head as JSON: its name, or its kind and settings."""
    return of if isinstance(of, str) else {"kind": of.name, **dataclasses.asdict(of)}


def read(record: Any) -> str | Head:
    """A head from JSON. Raises ValueError, TypeError or KeyError for what is none."""
    if isinstance(record, str):
        return record
    if not isinstance(record, Mapping):
        raise TypeError(f"a head is {record!r}")
    settings = dict(record)
    return _KINDS[settings.pop("kind")](**settings)


__all__ = [
    "HEADS",
    "Boosting",
    "Forest",
    "Head",
    "LinearDiscriminant",
    "Logistic",
    "Perceptron",
    "QuadraticDiscriminant",
    "Vote",
    "head",
    "read",
    "written",
]
