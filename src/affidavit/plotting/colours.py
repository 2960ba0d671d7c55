"""Colours that colour-blind readers tell apart, and that keep their order in greyscale print.

Classes and ranks are steps of viridis, whose lightness rises evenly; signs go from orange to blue.
"""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

Array = NDArray[np.float64]

INK, RULE, QUIET, GRID = "#1d2125", "#59616a", "#9aa3ab", "#dde1e4"
"""From dark to light: what matters, borders and limits, lines to compare others with, the grid."""

_PALE = 0.2  # share of white mixed in, so that dark borders show on the darkest fill

SIGNED = LinearSegmentedColormap.from_list(
    "signed", ["#7f3b08", "#d9822b", "#f7f4ee", "#4a90c4", "#08305e"]
)
"""From negative over nothing to positive: orange and blue differ for every kind of colour sight."""

RANKS = LinearSegmentedColormap.from_list("ranks", ["#08243f", "#2f78b3", "#a9cde6", "#f6f8fa"])
"""From the most important (dark) to the least."""


def of_classes(count: int) -> Array:
    """A colour for each class, [class, 3], of evenly rising lightness."""
    steps = np.linspace(0.08, 0.97, count) if count > 1 else np.array([0.6])
    shades: Array = np.asarray(colormaps["viridis"](steps))[:, :3] * (1 - _PALE) + _PALE
    return shades


def of_lines(count: int) -> Array:
    """A colour for each line or bar, [line, 3]: those of classes that are dark enough alone."""
    return of_classes(count + 1)[:count]


def of_ranks(count: int) -> Array:
    """A colour for each rank from 1 on, [rank, 3], the first the darkest."""
    shades: Array = np.asarray(RANKS(np.linspace(0, 1, max(count, 2))))[:count, :3]
    return shades


def of_weights(values: Array, largest: float) -> Array:
    """A colour for each signed weight, [weight, 3], white at nothing."""
    shades: Array = np.asarray(SIGNED(0.5 + 0.5 * values / (largest or 1.0)))[:, :3]
    return shades
