"""Runs with a known truth: rows of differing difficulty, runs of differing ability."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

MEAN_EASE = 0.9
"""Mean probability that a run of full ability is right on a row: that of a Beta(1.8, 0.2)."""


def abilities(generator: np.random.Generator, runs: int, deviation: float) -> Floats:
    """Abilities of runs whose true accuracies have the mean 0.855, and the deviation, [run].

    A run of ability a is right on a row of ease p with probability a p: its true accuracy is
    `a · MEAN_EASE`. Abilities are uniform, so that none is above 1.
    """
    half = deviation / MEAN_EASE * 3**0.5
    return generator.uniform(0.95 - half, 0.95 + half, runs)


def normal_abilities(generator: np.random.Generator, runs: int, deviation: float) -> Floats:
    """As :func:`abilities`, normal, around 0.8: none comes near to 1."""
    return generator.normal(0.8, deviation / MEAN_EASE, runs)


def outcomes(generator: np.random.Generator, ability: Floats, rows: int) -> Bools:
    """Whether each run is right on each of so many new rows, [run, row]."""
    ease = generator.beta(1.8, 0.2, rows)
    return generator.random((len(ability), rows)) < ability[:, None] * ease


def noise(generator: np.random.Generator, runs: int, rows: int) -> Bools:
    """Runs on labels that are noise, of ten classes: each is right by chance, [run, row]."""
    return generator.random((runs, rows)) < 0.1
