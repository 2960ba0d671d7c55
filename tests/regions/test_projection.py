"""Nearest points of polytopes against a general solver and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from affidavit.regions.projection import nearest_point


@given(st.integers(0, 10_000), st.integers(1, 5), st.sampled_from([1.0, 2.0, np.inf]))
def test_it_is_feasible_and_no_feasible_point_is_nearer(seed: int, k: int, norm: float) -> None:
    generator = np.random.default_rng(seed)
    A = generator.normal(size=(12, k))
    inner = generator.normal(size=k)
    b = A @ inner + generator.uniform(0, 1, 12)
    start = 3 * generator.normal(size=k)
    steps = generator.uniform(0.1, 10, k)
    t = nearest_point(A, b, start, steps, norm)
    assert t is not None
    assert (A @ t <= b + 1e-8 * (1 + np.abs(b))).all()
    distance = np.linalg.norm(steps * (t - start), norm)
    others = inner + generator.normal(size=(2000, k)) * generator.uniform(0, 1, (2000, 1))
    # Points between the answer and others are feasible where both ends are.
    mixed = t + generator.uniform(0, 1, (2000, 1)) ** 6 * (others - t)
    feasible = mixed[(mixed @ A.T <= b).all(1)]
    distances = np.linalg.norm(steps * (feasible - start), norm, axis=1)
    assert distances.min(initial=np.inf) >= distance * (1 - 1e-9) - 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_least_distance_equals_a_general_solver(seed: int) -> None:
    generator = np.random.default_rng(seed)
    A = generator.normal(size=(8, 4))
    b = A @ generator.normal(size=4) + generator.uniform(0, 0.5, 8)
    start = 4 * generator.normal(size=4)
    t = nearest_point(A, b, start, np.ones(4), 2.0)
    assert t is not None
    solve: Any = minimize  # its stubs know no constraints given as a dict
    peer = solve(
        lambda z: ((z - start) ** 2).sum(),
        np.zeros(4),
        jac=lambda z: 2 * (z - start),
        constraints={"type": "ineq", "fun": lambda z: b - A @ z, "jac": lambda z: -A},
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-14},
    )
    assert np.allclose(t, peer.x, atol=1e-5)


def test_a_half_space_by_its_closed_form() -> None:
    row, start = np.array([3.0, 4.0]), np.array([5.0, 5.0])
    for norm, distance in ((1.0, 25 / 4), (2.0, 25 / 5), (np.inf, 25 / 7)):
        t = nearest_point(row[None], np.array([10.0]), start, np.ones(2), norm)
        assert t is not None
        assert row @ t == pytest.approx(10)
        assert np.linalg.norm(t - start, norm) == pytest.approx(distance)


def test_inside_and_empty() -> None:
    cube, ones = np.r_[np.eye(2), -np.eye(2)], np.ones(4)
    for norm in (1.0, 2.0, np.inf):
        t = nearest_point(cube, ones, np.array([0.5, 0.2]), np.ones(2), norm)
        assert t is not None
        assert t.tolist() == [0.5, 0.2]
        empty = nearest_point(cube, np.r_[-ones[:2], -ones[2:]], np.zeros(2), np.ones(2), norm)
        assert empty is None
        assert nearest_point(np.zeros((1, 2)), -ones[:1], np.zeros(2), np.ones(2), norm) is None


def test_tiny_distances_keep_their_digits() -> None:
    t = nearest_point(np.array([[1.0, 1.0]]), np.array([-2e-9]), np.zeros(2), np.ones(2), 2.0)
    assert t is not None
    assert t == pytest.approx([-1e-9, -1e-9], rel=1e-9)
