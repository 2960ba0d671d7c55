"""Measures of attributions, straight from their definitions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor


def gini(values: Sequence[float]) -> float:
    """Half the mean difference of all pairs of sizes, over their mean."""
    sizes = [abs(value) for value in values]
    pairs = sum(abs(a - b) for a in sizes for b in sizes)
    return pairs / (2 * len(sizes) * sum(sizes))


def infidelity(
    value: Callable[[Tensor], float],
    image: Tensor,
    other: Tensor,
    attribution: Tensor,
    masks: Tensor,
    scaled: bool,
) -> float:
    """The mean square of promise less fall; the best factor is looked for on a fine grid."""
    promises, falls = [], []
    for mask in masks:
        hidden = image.clone()
        promise = 0.0
        for row, column in mask.nonzero().tolist():
            hidden[:, row, column] = other[:, row, column]
            promise += float(attribution[row, column])
        promises.append(promise)
        falls.append(value(image) - value(hidden))

    def mean_square(factor: float) -> float:
        pairs = zip(promises, falls, strict=True)
        return sum((factor * p - f) ** 2 for p, f in pairs) / len(falls)

    if not scaled:
        return mean_square(1.0)
    # A parabola in the factor: three values tell where its lowest point is.
    low, middle, high = mean_square(-1), mean_square(0), mean_square(1)
    bend = (low + high) / 2 - middle
    return mean_square(-((high - low) / 4) / bend) if bend else middle


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Pearson's correlation of the mean ranks."""

    def ranked(values: Sequence[float]) -> list[float]:
        return [
            sum(other < value for other in values) + (sum(other == value for other in values)) / 2
            for value in values
        ]

    return float(np.corrcoef(ranked(a), ranked(b))[0, 1])


def structural_similarity(a: Tensor, b: Tensor, deviation: float) -> float:
    """The mean over pixels of SSIM in Gaussian windows, borders repeated."""
    first, second = (_unit(np.asarray(one, np.float64)) for one in (a, b))
    reach = math.ceil(4 * deviation)
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    window = np.outer(line, line) / line.sum() ** 2
    padded = [np.pad(one, reach, mode="edge") for one in (first, second)]
    found = []
    for row in range(first.shape[0]):
        for column in range(first.shape[1]):
            x, y = (
                one[row : row + 2 * reach + 1, column : column + 2 * reach + 1] for one in padded
            )
            mx, my = (window * x).sum(), (window * y).sum()
            vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
            both = (window * (x - mx) * (y - my)).sum()
            found.append(
                (2 * mx * my + 1e-4) * (2 * both + 9e-4)
                / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
            )  # fmt: skip
    return float(np.mean(found))


def _unit(values: np.ndarray) -> np.ndarray:
    spread = values.max() - values.min()
    return (values - values.min()) / spread if spread else np.zeros_like(values)
