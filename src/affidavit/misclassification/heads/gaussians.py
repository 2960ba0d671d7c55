"""A Gaussian of the right predictions against one of the wrong ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from affidavit.misclassification.heads.base import Head, check_enough, scaling
from affidavit.misclassification.signals import Array


@dataclass(frozen=True)
class QuadraticDiscriminant(Head):
    """Quadratic discriminant analysis; the score is in log-odds.

    Each covariance, of features brought to deviation 1, is shrunk towards a multiple of the
    identity as Ledoit and Wolf have it: there may be fewer wrong predictions than features, where
    scikit-learn's own needs more.
    """

    name: ClassVar[str] = "qda"
    summary: ClassVar[str] = "quadratic discriminant analysis, covariances shrunk"

    def fit(self, x: NDArray[np.float64], wrong: NDArray[np.bool_], seed: int) -> dict[str, Any]:
        check_enough(wrong)
        mean, scale = scaling(x)
        # Of columns that never change, no covariance would have an inverse.
        kept = scale > 0
        z = ((x - mean) * scale)[:, kept]
        fitted: dict[str, Any] = {"mean": mean[kept], "scale": scale[kept], "kept": kept}
        for kind in (False, True):
            rows = z[wrong == kind]
            covariance = ledoit_wolf(rows)[0]
            # Rows that are all alike have a covariance of 0.
            covariance = covariance + 1e-6 * np.eye(len(covariance))
            key = "wrong" if kind else "right"
            fitted[f"{key}/centre"] = rows.mean(0)
            fitted[f"{key}/precision"] = np.linalg.inv(covariance)
            log_share = np.log(len(rows) / len(z))
            fitted[f"{key}/constant"] = np.array(log_share - np.linalg.slogdet(covariance)[1] / 2)
        return fitted

    def score(self, fitted: Mapping[str, Any], x: NDArray[np.float64]) -> Array:
        z = (x[:, fitted["kept"]] - fitted["mean"]) * fitted["scale"]
        return np.asarray(_log_density(fitted, "wrong", z) - _log_density(fitted, "right", z))


def _log_density(fitted: Mapping[str, Any], key: str, z: NDArray[np.float64]) -> Array:
    """Of the class, times its share; without a constant that all classes share."""
    away = z - fitted[f"{key}/centre"]
    squares = np.einsum("ni,ij,nj->n", away, fitted[f"{key}/precision"], away, optimize=True)
    return np.asarray(fitted[f"{key}/constant"] - squares / 2)
