"""The label change rate by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from affidavit.misclassification.scorers.base import Fitted, Scorer
from affidavit.misclassification.signals import Array, Signals


@dataclass
class LabelChangeRate(Scorer):
    """Share of the mutants that predict another class.

    Source: "Leveraging model interpretability and stability", equation 6.
    """

    name: ClassVar[str] = "label_change_rate"
    summary: ClassVar[str] = "share of mutants that predict another class"
    needs_fit: ClassVar[bool] = False

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"label_change_rate"})

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        rate = signals.label_change_rate
        return rate if rate is not None else signals.predicted[:0]
