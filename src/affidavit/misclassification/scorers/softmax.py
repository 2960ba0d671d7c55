"""Scorers on the softmax of the logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from affidavit.misclassification.probabilities import doubt, entropy, log_probabilities
from affidavit.misclassification.scorers.base import Fitted, Scorer, one_of, positive
from affidavit.misclassification.signals import Array, Signals

_LOGITS = frozenset({"logits"})

# Temperatures between 1/1000 and 1000: the ends stand for "certain" and "no idea".
_TEMPERATURES = (np.log(1e-3), np.log(1e3))


@dataclass
class MaxSoftmax(Scorer):
    """1 - max_k p_k. Source: Hendrycks and Gimpel 2017."""

    name: ClassVar[str] = "max_softmax"
    summary: ClassVar[str] = "1 - max p"
    needs_fit: ClassVar[bool] = False

    @property
    def needs(self) -> frozenset[str]:
        return _LOGITS

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        return doubt(signals)


@dataclass
class TemperatureScaled(Scorer):
    """1 - max_k p_k of the softmax of z / T; T minimises the cross-entropy on the fitting data.

    Source: Guo et al. 2017. The temperature is fitted with the true labels of all inputs; wrong
    predictions are not needed for it, and a model that is always right drives it to its lower end.
    """

    name: ClassVar[str] = "temperature_scaled"
    summary: ClassVar[str] = "1 - max p at the temperature of the least cross-entropy"

    @property
    def needs(self) -> frozenset[str]:
        return _LOGITS

    def _fit(self, signals: Signals, wrong: NDArray[np.bool_], labels: NDArray[np.int64]) -> Fitted:
        z = signals.logits.astype(np.float64)
        rows = np.arange(len(z))

        def loss(log_temperature: float) -> float:
            return -float(log_softmax(z / np.exp(log_temperature), 1)[rows, labels].mean())

        found = minimize_scalar(
            loss, bounds=_TEMPERATURES, method="bounded", options={"xatol": 1e-6}
        )
        return {"temperature": np.array(np.exp(found.x))}

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        return doubt(signals, float(fitted["temperature"]))


@dataclass
class Entropy(Scorer):
    """Entropy of the softmax, in nats."""

    name: ClassVar[str] = "entropy"
    summary: ClassVar[str] = "-Σ p log p"
    needs_fit: ClassVar[bool] = False

    @property
    def needs(self) -> frozenset[str]:
        return _LOGITS

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        return entropy(np.exp(log_probabilities(signals)))


@dataclass
class Margin(Scorer):
    """1 - (p_1 - p_2), the two largest probabilities: 0 when sure, 1 at a tie."""

    name: ClassVar[str] = "margin"
    summary: ClassVar[str] = "1 - (p of the first class - p of the second)"
    needs_fit: ClassVar[bool] = False

    @property
    def needs(self) -> frozenset[str]:
        return _LOGITS

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        second = np.exp(np.partition(log_probabilities(signals), -2, axis=1)[:, -2])
        return doubt(signals) + second


@dataclass
class Doctor(Scorer):
    """The odds of a wrong prediction, as the softmax has them.

    `alpha`: (1 - g) / g with g = Σ_k p_k², the chance that two classes drawn from p agree. `beta`:
    (1 - max p) / max p, which orders inputs as max-softmax does. Of the softmax of z / temperature.

    The paper's variant that also disturbs the inputs is not part of it: it needs gradients.

    Source: Granese et al. 2021, "DOCTOR: a simple method for detecting misclassification errors".
    """

    name: ClassVar[str] = "doctor"
    summary: ClassVar[str] = "(1 - Σ p²) / Σ p², or (1 - max p) / max p"
    needs_fit: ClassVar[bool] = False

    form: str = "alpha"
    temperature: float = 1.0

    def __post_init__(self) -> None:
        one_of(self.name, "form", self.form, ("alpha", "beta"))
        positive(self.name, temperature=self.temperature)

    @property
    def needs(self) -> frozenset[str]:
        return _LOGITS

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        if self.form == "beta":
            unsure = doubt(signals, self.temperature)
            return unsure / (1 - unsure)
        p = np.exp(log_probabilities(signals, self.temperature))
        # 1 - Σ p² = Σ p (1 - p), with 1 - p of the largest as the sum of the others.
        rest = 1 - p
        top = p.argmax(1)
        rest[np.arange(len(p)), top] = doubt(signals, self.temperature)
        return np.asarray((p * rest).sum(1) / (p * p).sum(1))
