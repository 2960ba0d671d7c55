"""Scorers: how likely predictions are to be wrong, from what the model says about the inputs.

A new scorer is one class and one line of :data:`SCORERS`.
"""

from __future__ import annotations

from typing import Any

from affidavit.errors import DomainError, nearest
from affidavit.misclassification.scorers.base import Scorer
from affidavit.misclassification.scorers.learned import (
    Joint,
    Learned,
    LogitsPerceptron,
    PenultimatePerceptron,
)
from affidavit.misclassification.scorers.logits import Energy, MaxLogit, MaxLogitPNorm
from affidavit.misclassification.scorers.members import Dropout, Ensemble
from affidavit.misclassification.scorers.neighbours import Neighbours, TrustScore
from affidavit.misclassification.scorers.softmax import (
    Doctor,
    Entropy,
    Margin,
    MaxSoftmax,
    TemperatureScaled,
)
from affidavit.misclassification.scorers.stability import LabelChangeRate

SCORERS: dict[str, type[Scorer]] = {
    kind.name: kind
    for kind in (
        MaxSoftmax,
        TemperatureScaled,
        Entropy,
        Margin,
        Energy,
        MaxLogit,
        MaxLogitPNorm,
        Doctor,
        Neighbours,
        TrustScore,
        Dropout,
        Ensemble,
        LabelChangeRate,
        LogitsPerceptron,
        PenultimatePerceptron,
        Learned,
        Joint,
    )
}
"""The scorers by name."""


def scorer(of: str | Scorer, **parameters: Any) -> Scorer:
    """The scorer of that name with these parameters, or the one given.

    Raises DomainError, with the nearest name, for an unknown one, or a parameter that it lacks.
    """
    if isinstance(of, Scorer):
        return of.set_params(**parameters) if parameters else of
    if of not in SCORERS:
        raise DomainError(
            f"there is no scorer {of!r}{nearest(str(of), SCORERS)}; there are {', '.join(SCORERS)}"
        )
    return SCORERS[of]().set_params(**parameters)


__all__ = [
    "SCORERS",
    "Doctor",
    "Dropout",
    "Energy",
    "Ensemble",
    "Entropy",
    "Joint",
    "LabelChangeRate",
    "Learned",
    "LogitsPerceptron",
    "Margin",
    "MaxLogit",
    "MaxLogitPNorm",
    "MaxSoftmax",
    "Neighbours",
    "PenultimatePerceptron",
    "Scorer",
    "TemperatureScaled",
    "TrustScore",
    "scorer",
]
