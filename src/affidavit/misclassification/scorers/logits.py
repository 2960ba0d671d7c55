"""Scorers on the logits as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from affidavit.misclassification.probabilities import doubt
from affidavit.misclassification.scorers.base import Fitted, Scorer, positive
from affidavit.misclassification.signals import Array, Signals

_LOGITS = frozenset({"logits"})


@dataclass
class Energy(Scorer):
    """-T log Σ_k exp(z_k / T). Source: Liu et al. 2020, "Energy-based out-of-distribution
    detection"."""

    name: ClassVar[str] = "energy"
    summary: ClassVar[str] = "-log Σ exp z"
    needs_fit: ClassVar[bool] = False

    temperature: float = 1.0

    def __post_init__(self) -> None:
        positive(self.name, temperature=self.temperature)

    @property
    def needs(self) -> frozenset[str]:
        return _LOGITS

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        z = signals.logits.astype(np.float64) / self.temperature
        return np.asarray(-self.temperature * logsumexp(z, axis=1))


@dataclass
class MaxLogit(Scorer):
    """-max_k z_k. Source: Hendrycks et al. 2022, "Scaling out-of-distribution detection for
    real-world settings"."""

    name: ClassVar[str] = "max_logit"
    summary: ClassVar[str] = "-max z"
    needs_fit: ClassVar[bool] = False

    @property
    def needs(self) -> frozenset[str]:
        return _LOGITS

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        return np.asarray(-signals.logits.max(1).astype(np.float64))


@dataclass
class MaxLogitPNorm(Scorer):
    """-max_k (z_k - μ) / ‖z - μ‖_p, with μ the mean of an input's logits.

    p is chosen on the fitting data, of whole numbers from 1 to `most`, for the least area under
    the risk-coverage curve; where no p is better than max-softmax there, max-softmax it is.
    Logits that are all equal get 0, the largest score there is.

    Source: Cattelan and Silva 2024, "How to fix a broken confidence estimator".
    """

    name: ClassVar[str] = "max_logit_p_norm"
    summary: ClassVar[str] = "-max (z - μ) / ‖z - μ‖ of the best p, or max-softmax"

    most: int = 10

    def __post_init__(self) -> None:
        positive(self.name, most=self.most)

    @property
    def needs(self) -> frozenset[str]:
        return _LOGITS

    def _fit(self, signals: Signals, wrong: NDArray[np.bool_], labels: NDArray[np.int64]) -> Fitted:
        from affidavit.misclassification.metrics import aurc

        best, least = 0, aurc(doubt(signals), wrong)
        for p in range(1, self.most + 1):
            area = aurc(_normalised(signals, p), wrong)
            if area < least:
                best, least = p, area
        # p = 0 stands for the fall back to max-softmax.
        return {"p": np.array(best)}

    def _score(self, signals: Signals, fitted: Fitted) -> Array:
        p = int(fitted["p"])
        return _normalised(signals, p) if p else doubt(signals)


def _normalised(signals: Signals, p: int) -> NDArray[np.float64]:
    z = signals.logits.astype(np.float64)
    z = z - z.mean(1, keepdims=True)
    # Divided by the largest first: high powers of large logits overflow.
    largest = np.abs(z).max(1)
    scaled = np.divide(z, largest[:, None], out=np.zeros_like(z), where=largest[:, None] > 0)
    norms = np.linalg.norm(scaled, ord=p, axis=1)
    share = np.divide(scaled.max(1), norms, out=np.zeros_like(norms), where=norms > 0)
    return np.asarray(-share)
