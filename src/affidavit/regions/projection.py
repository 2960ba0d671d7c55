"""The point of a polytope nearest to another one, in the three usual norms."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linprog, nnls

from affidavit.regions.domain import Array


def nearest_point(A: Array, b: Array, start: Array, steps: Array, norm: float) -> Array | None:
    """Where `|steps * (t - start)|` is least under `A t <= b`; None where nothing is feasible.

    Args:
        A, b: shapes [constraint, k] and [constraint].
        start: shape [k].
        steps: how much a change of 1 of each coordinate counts, positive, [k].
        norm: 1, 2 or inf.
    """
    # In z = steps * (t - start) the norm is the plain one.
    rows, bounds = A / steps, b - A @ start
    lengths = np.linalg.norm(rows, axis=1)
    real = lengths > 0
    if (bounds[~real] < 0).any():
        return None
    rows, bounds = rows[real] / lengths[real, None], bounds[real] / lengths[real]
    if (bounds >= 0).all():
        return start.copy()
    z = _euclidean(rows, bounds) if norm == 2 else _linear(rows, bounds, norm)
    return None if z is None else start + z / steps


def _linear(rows: Array, bounds: Array, norm: float) -> Array | None:
    """By a linear program, with one distance a coordinate (norm 1) or one for all (inf)."""
    k = rows.shape[1]
    extra = k if norm == 1 else 1
    spread = np.eye(k) if norm == 1 else np.ones((k, 1))
    A = np.r_[
        np.c_[rows, np.zeros((len(rows), extra))],
        np.c_[np.eye(k), -spread],
        np.c_[-np.eye(k), -spread],
    ]
    cost = np.r_[np.zeros(k), np.ones(extra)]
    limits = np.r_[bounds, np.zeros(2 * k)]
    options: Any = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found: Any = linprog(cost, A, limits, bounds=(None, None), method="highs", options=options)
    return np.asarray(found.x[:k]) if found.success else None


def _euclidean(rows: Array, bounds: Array) -> Array | None:
    """Least-distance programming by non-negative least squares (Lawson and Hanson, chapter 23).

    The multipliers of `min |z|^2 s.t. -rows z >= -bounds` solve `min |E u - f|, u >= 0` with E the
    constraints side by side and f the last unit vector; the residual is zero where nothing is
    feasible, and else proportional to (z, -1).
    """
    k = rows.shape[1]
    # Multipliers shrink with the square of the distance: bring the farthest constraint to 1.
    unit = float(np.max(-bounds))
    E = np.r_[-rows.T, -bounds[None] / unit]
    f = np.r_[np.zeros(k), 1.0]
    multipliers, residual = nnls(E, f, maxiter=50 * (len(bounds) + k))
    if residual <= 1e-9:
        return None
    r = E @ multipliers - f
    z = -r[:k] / r[k]
    active = multipliers > 0
    # Anew on the active constraints: the quotient of residuals has lost half of the digits.
    exact = np.asarray(np.linalg.lstsq(rows[active], bounds[active] / unit, rcond=None)[0])
    better = np.linalg.norm(exact - z) <= 1e-5 * (1 + np.linalg.norm(z))
    return np.asarray(unit * (exact if better else z))
