"""Distributions: their numbers against formulas and SciPy, their samples against themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from tests.reference.initial_values import integral, normal_density

from affidavit.errors import DomainError
from affidavit.initialization.distributions import (
    TWO_SIGMA_STD,
    Constant,
    Continuous,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    two_sigma,
)

CONTINUOUS: dict[str, tuple[Continuous, Any]] = {
    "normal": (Normal(0.3, 0.7), stats.norm(0.3, 0.7)),
    "uniform": (Uniform(-0.2, 0.9), stats.uniform(-0.2, 1.1)),
    "truncated": (two_sigma(0.1, 0.5), stats.truncnorm(-2, 2, 0.1, 0.5)),
    "truncated on one side": (TruncatedNormal(0, 1, -0.5, 3), stats.truncnorm(-0.5, 3)),
    "truncated far above": (TruncatedNormal(0, 1, 5, 6), stats.truncnorm(5, 6)),
    "truncated far below": (TruncatedNormal(0, 1, -6, -5), stats.truncnorm(-6, -5)),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_probabilities_are_those_of_scipy(name: str) -> None:
    ours, theirs = CONTINUOUS[name]
    x = np.linspace(-7, 7, 401)
    np.testing.assert_allclose(ours.cdf(x), theirs.cdf(x), rtol=1e-9, atol=1e-12)
    inside = theirs.pdf(x) > 0
    expected = theirs.logpdf(x[inside])
    np.testing.assert_allclose(ours.log_density(x)[inside], expected, rtol=1e-7, atol=1e-9)
    assert (ours.log_density(x)[~inside] == -np.inf).all()


@pytest.mark.parametrize("name", CONTINUOUS)
def test_samples_follow_their_distribution(name: str) -> None:
    ours, theirs = CONTINUOUS[name]
    x = ours.sample((40, 50), torch.Generator().manual_seed(5))
    assert x.dtype == torch.float32
    assert x.shape == (40, 50)
    assert stats.kstest(x.double().numpy().ravel(), theirs.cdf).pvalue > 1e-3


def test_truncated_values_stay_within_their_bounds() -> None:
    x = TruncatedNormal(0, 1, 5, 6).sample((1000,), torch.Generator().manual_seed(0))
    assert float(x.min()) >= 5
    assert float(x.max()) <= 6


def test_standard_deviation_left_by_a_cut_at_two() -> None:
    mass = integral(lambda x: normal_density(x, 0, 1), -2, 2)
    variance = integral(lambda x: x * x * normal_density(x, 0, 1), -2, 2) / mass
    assert math.sqrt(variance) == pytest.approx(TWO_SIGMA_STD, rel=1e-6)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6), (4, 3, 2, 2), (8, 2, 1)], ids=str)
@pytest.mark.parametrize("last", [False, True])
def test_orthogonal_rows_or_columns_have_the_length_of_the_gain(
    shape: tuple[int, ...], last: bool
) -> None:
    x = Orthogonal(1.7, last).sample(shape, torch.Generator().manual_seed(1)).double()
    matrix = x.reshape(-1, shape[-1]) if last else x.reshape(shape[0], -1)
    matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    torch.testing.assert_close(
        matrix @ matrix.T, 1.7**2 * torch.eye(len(matrix)).double(), atol=1e-5, rtol=0
    )


def test_orthogonal_matrices_are_turned_any_way() -> None:
    # An entry squared of a uniform 3 x 3 rotation or reflection follows Beta(1/2, 1).
    generator = torch.Generator().manual_seed(2)
    x = torch.stack([Orthogonal().sample((3, 3), generator) for _ in range(600)]).double()
    for entry in ((0, 0), (1, 2), (2, 1)):
        squared = x[:, entry[0], entry[1]].square().numpy()
        assert stats.kstest(squared, stats.beta(0.5, 1).cdf).pvalue > 1e-3
        assert 200 < int((x[:, entry[0], entry[1]] > 0).sum()) < 400


def test_a_seed_gives_the_same_values() -> None:
    for one in (Normal(0, 1), Uniform(0, 1), two_sigma(0, 1), Orthogonal(), Constant(2.0)):
        first = one.sample((3, 4), torch.Generator().manual_seed(7))
        assert torch.equal(first, one.sample((3, 4), torch.Generator().manual_seed(7)))


def test_words() -> None:
    assert Uniform(-0.25, 0.25).text == "uniform on ±0.25"
    assert Uniform(0, 0.5).text == "uniform on [0, 0.5]"
    assert two_sigma(0, 0.05).text == "normal, mean 0, std 0.05, cut to ±0.1"
    assert Constant(0.25).text == "constant 0.25"


def test_numbers_without_meaning_are_refused() -> None:
    with pytest.raises(DomainError, match="std above 0"):
        Normal(0, 0)
    with pytest.raises(DomainError, match="low below high"):
        Uniform(1, 1)
    with pytest.raises(DomainError, match="finite"):
        Constant(math.nan)
    with pytest.raises(DomainError, match="leave nothing"):
        TruncatedNormal(0, 1, 30, 31)
    with pytest.raises(DomainError, match="gain above 0"):
        Orthogonal(-1)
    with pytest.raises(DomainError, match="no matrix"):
        Orthogonal().sample((4,), torch.Generator())
