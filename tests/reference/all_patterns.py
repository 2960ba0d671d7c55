"""All linear regions of a small ReLU network, straight from section III of Continuous Exact
Explanations: every one of the 2^N activation patterns is tried, its constraints (equation 4) are
written down from the linearised layers (equations 2 and 3), and it is a region when the largest
ball in them has a radius."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import linprog

Layers = list[tuple[Any, Any]]


def regions(layers: Layers, lower: Any, upper: Any, radius: float = 1e-9) -> dict[Any, Any]:
    """From each realisable pattern, as a tuple over all hidden neurons, to its linear model.

    The last layer has no activation. The model is (weights [output, feature], biases [output]).
    """
    hidden = [len(bias) for _, bias in layers[:-1]]
    found = {}
    for pattern in product((0, 1), repeat=sum(hidden)):
        rows, bounds, model = _linearise(layers, pattern)
        if _ball(rows, bounds, lower, upper) > radius:
            found[pattern] = model
    return found


def _linearise(layers: Layers, pattern: tuple[int, ...]) -> tuple[Any, Any, Any]:
    features = layers[0][0].shape[1]
    weight, bias = np.eye(features), np.zeros(features)
    rows, bounds, used = [], [], 0
    for W, b in layers[:-1]:
        weight, bias = W @ weight, W @ bias + b
        states = np.array(pattern[used : used + len(b)])
        used += len(b)
        sign = np.where(states == 1, 1.0, -1.0)
        # sign * (weight x + bias) >= 0
        rows.append(-sign[:, None] * weight)
        bounds.append(sign * bias)
        weight, bias = weight * states[:, None], bias * states
    W, b = layers[-1]
    return np.concatenate(rows), np.concatenate(bounds), (W @ weight, W @ bias + b)


def _ball(rows: Any, bounds: Any, lower: Any, upper: Any) -> float:
    norms = np.linalg.norm(rows, axis=1)
    constant = norms < 1e-12
    if (bounds[constant] < -1e-12).any():
        return -1.0
    d = len(lower)
    A = np.r_[np.c_[rows, norms], np.c_[np.eye(d), np.ones(d)], np.c_[-np.eye(d), np.ones(d)]]
    b = np.r_[bounds, upper, -np.asarray(lower)]
    free: Any = [(None, None)] * d + [(None, None)]
    found = linprog(np.r_[np.zeros(d), -1.0], A, b, bounds=free, method="highs")
    return float(np.asarray(found.x)[-1]) if found.success else -1.0
