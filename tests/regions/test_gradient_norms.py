"""The largest gradient against autograd, sampled quotients, and corners of unit balls."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from tests.regions.networks import mlp, run

from affidavit.errors import DomainError
from affidavit.regions import Box, Slice, largest_gradient, partition

LOWER, UPPER = np.array([-1.0, -2.0, 0.0]), np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_no_quotient_exceeds_it_and_autograd_attains_it(norm: float) -> None:
    model = mlp([3, 8, 6, 3], seed=2)
    found = partition(model, Box(LOWER, UPPER))
    result = largest_gradient(found, (0, 2), norm=norm)
    generator = np.random.default_rng(0)
    x = generator.uniform(LOWER, UPPER, (20_000, 3))
    z = np.clip(x + generator.normal(0, 0.1, x.shape), LOWER, UPPER)
    change = np.abs(run(model, x) @ [1, 0, -1] - run(model, z) @ [1, 0, -1])
    quotient = change / np.linalg.norm(x - z, norm, axis=1)
    assert quotient.max() <= result.value * (1 + 1e-9)
    assert quotient.max() > 0.5 * result.value
    at = torch.tensor(result.witness, requires_grad=True)
    y = model(at)
    (gradient,) = torch.autograd.grad(y[0] - y[2], at)
    dual = {1: np.inf, 2: 2, np.inf: 1}[norm]
    assert np.linalg.norm(gradient.numpy(), dual) == pytest.approx(result.value, rel=1e-12)
    assert np.allclose(result.gradient, gradient.numpy())
    assert found.locate(result.witness[None])[0] == result.region


def norm_by_corners(matrix: Any, p: float, q: float) -> float:
    """An operator norm by trying every corner of the unit ball of a polyhedral norm."""
    width = matrix.shape[1]
    corners = np.eye(width) if p == 1 else np.array(list(product((-1.0, 1.0), repeat=width)))
    return max(float(np.linalg.norm(matrix @ corner, q)) for corner in corners)


@pytest.mark.parametrize(("p", "q"), [(1, 1), (1, 2), (1, np.inf), (np.inf, np.inf)])
def test_operator_norms_of_all_outputs(p: float, q: float) -> None:
    found = partition(mlp([3, 5, 2], seed=3), Box(LOWER, UPPER))
    result = largest_gradient(found, "all", norm=p, output_norm=q)
    slopes = found.maps()[0]
    assert result.value == pytest.approx(max(norm_by_corners(slope, p, q) for slope in slopes))
    assert result.gradient.shape == (2, 3)


def test_the_spectral_norm() -> None:
    found = partition(mlp([3, 5, 2], seed=3), Box(LOWER, UPPER))
    generator = np.random.default_rng(0)
    x = generator.normal(size=(20_000, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    result = largest_gradient(found, "all", norm="l2")
    longest = np.linalg.norm(x @ result.gradient.T, axis=1).max()
    assert longest <= result.value * (1 + 1e-12)
    assert longest == pytest.approx(result.value, rel=1e-3)
    assert np.array_equal(result.norms, largest_gradient(found, "all", norm=2).norms)


def test_units_and_features_that_vary() -> None:
    model = mlp([3, 5, 1], seed=3)
    found = partition(model, Slice(np.zeros(3), [2, 0], [-1, -1], [1, 1]))
    slopes = found.maps()[0][:, 0]
    units = [2.0, 100.0, 0.5]
    result = largest_gradient(found, norm=1, scale=units)
    assert np.allclose(result.norms, np.maximum(np.abs(slopes[:, 0]) * 2, np.abs(slopes[:, 2]) / 2))


def test_arguments_that_do_not_fit() -> None:
    found = partition(mlp([3, 5, 2], seed=3), Box(LOWER, UPPER))
    for arguments, message in (
        ({"output": 0, "norm": 3}, "norm = 3: expected 1, 2 or inf"),
        ({"output": "all", "norm": np.inf, "output_norm": 1}, "hard to compute"),
        ({"output": 0, "scale": [1, 1]}, "scale has 2 entries for 3 features"),
        ({"output": 0, "scale": [1, 0, 1]}, "not positive and finite"),
        ({}, "the network has 2 outputs: name one"),
    ):
        with pytest.raises(DomainError, match=message):
            largest_gradient(found, **arguments)
