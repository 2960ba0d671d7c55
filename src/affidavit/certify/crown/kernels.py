"""Signed products, as compiled loops: each coefficient is read once.

Coefficients are [batch or 1, row, entry]; what they meet is [batch or 1, row or 1, entry], and
depends on their sign.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from affidavit.graph.compiled import summing

Array = np.ndarray[Any, Any]


@summing
def least(a: Array, below: Array, above: Array, found: Array) -> None:
    """`found = Σ max(a, 0) below + min(a, 0) above`, [batch, row]."""
    batch, rows = found.shape
    for i in range(batch):
        mine = a[i if len(a) > 1 else 0]
        lower, upper = below[i if len(below) > 1 else 0], above[i if len(above) > 1 else 0]
        for j in range(rows):
            row = mine[j]
            low, high = lower[j if len(lower) > 1 else 0], upper[j if len(upper) > 1 else 0]
            total = row[0] * 0
            for k in range(len(row)):
                total += row[k] * (low[k] if row[k] > 0 else high[k])
            found[i, j] = total


@summing
def bend(
    a: Array, low: Array, high: Array, below: Array, above: Array, bent: Array, found: Array
) -> None:
    """`bent = max(a, 0) low + min(a, 0) high`, and :func:`least`."""
    batch, rows, entries = bent.shape
    for i in range(batch):
        mine = a[i if len(a) > 1 else 0]
        slopes, steeps = low[i if len(low) > 1 else 0], high[i if len(high) > 1 else 0]
        lower, upper = below[i if len(below) > 1 else 0], above[i if len(above) > 1 else 0]
        for j in range(rows):
            row, out = mine[j], bent[i, j]
            slope, steep = slopes[j if len(slopes) > 1 else 0], steeps[j if len(steeps) > 1 else 0]
            floor, ceiling = lower[j if len(lower) > 1 else 0], upper[j if len(upper) > 1 else 0]
            total = row[0] * 0
            for k in range(entries):
                x = row[k]
                up = x > 0
                out[k] = x * (slope[k] if up else steep[k])
                total += x * (floor[k] if up else ceiling[k])
            found[i, j] = total


@summing
def pick(a: Array, below: Array, above: Array, by: Array, found: Array) -> None:
    """The slope of :func:`least` in each coefficient, times a number [batch, row].

    At 0 it is the one halfway: a search that starts where coefficients vanish leans neither way.
    """
    batch, rows, entries = found.shape
    for i in range(batch):
        mine = a[i if len(a) > 1 else 0]
        lower, upper = below[i if len(below) > 1 else 0], above[i if len(above) > 1 else 0]
        for j in range(rows):
            row, out, factor = mine[j], found[i, j], by[i, j]
            low, high = lower[j if len(lower) > 1 else 0], upper[j if len(upper) > 1 else 0]
            for k in range(entries):
                x = row[k]
                slope = low[k] if x > 0 else high[k]
                out[k] = factor * (slope if x != 0 else (low[k] + high[k]) / 2)
