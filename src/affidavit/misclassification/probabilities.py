"""Softmax in double precision, without losing what is close to 0 or 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from affidavit.misclassification.signals import Signals


def log_probabilities(signals: Signals, temperature: float = 1.0) -> NDArray[np.float64]:
    """Logarithm of the softmax of logits / temperature, [n, class]."""
    found: NDArray[np.float64] = log_softmax(signals.logits.astype(np.float64) / temperature, 1)
    return found


def doubt(signals: Signals, temperature: float = 1.0) -> NDArray[np.float64]:
    """1 - max p, [n], as the sum of all other p: 1 - p itself is 0 for all sure predictions."""
    logs = log_probabilities(signals, temperature)
    logs[np.arange(len(logs)), logs.argmax(1)] = -np.inf
    found: NDArray[np.float64] = np.exp(logs).sum(1)
    return found


def entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """-Σ p log p over the last axis, 0 log 0 being 0; in nats."""
    found: NDArray[np.float64] = -(p * np.log(np.where(p > 0, p, 1))).sum(-1)
    return found
