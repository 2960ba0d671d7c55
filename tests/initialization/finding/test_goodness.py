"""Goodness of fit: p-values against exact arithmetic, and the levels that they promise."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import stats
from tests.reference.initial_values import distance_p, largest_distance
from torch import Tensor, nn

from affidavit.initialization.distributions import (
    Constant,
    Distribution,
    Normal,
    Orthogonal,
    Uniform,
    two_sigma,
)
from affidavit.initialization.finding import goodness
from affidavit.initialization.finding.goodness import (
    Sample,
    fitted_cut_p,
    fitted_normal_p,
    fitted_uniform_p,
    kolmogorov_p,
    orthogonal_p,
    p_value,
    sample_of,
)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_p_is_that_of_exact_arithmetic(n: int) -> None:
    values = np.sort(np.random.default_rng(n).random(n))
    distance = largest_distance(list(values), lambda x: x)
    expected = distance_p(Fraction(distance), n)
    assert kolmogorov_p(values, Uniform(0, 1)) == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("n", [1, 40, 3000])
def test_p_is_that_of_scipy(n: int) -> None:
    values = np.sort(np.random.default_rng(n).normal(0.02, 1, n))
    expected = stats.kstest(values, stats.norm.cdf).pvalue
    assert kolmogorov_p(values, Normal(0, 1)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n", [10_001, 60_000])
def test_p_of_many_values_is_nearly_exact(n: int) -> None:
    values = np.sort(np.random.default_rng(n).random(n))
    for shift in (0.0, 0.6, 1.0):
        moved = np.clip(values + shift / np.sqrt(n), 0, 1)
        expected = float(stats.kstwo.sf(stats.kstest(moved, stats.uniform.cdf).statistic, n))
        assert kolmogorov_p(moved, Uniform(0, 1)) == pytest.approx(expected, rel=2e-3, abs=1e-9)


@pytest.mark.parametrize(("n", "distance"), [(10, 0.262), (20, 0.192), (30, 0.159)])
def test_fitted_normals_are_rejected_from_the_published_distances_on(
    n: int, distance: float
) -> None:
    # Critical values at 5 % of Lilliefors's test, as later tables correct them.
    share = float((goodness._fitted_distances(n) >= distance).mean())
    assert 0.04 < share < 0.06


def _drawn(distribution: Distribution, shape: tuple[int, ...], seed: int) -> Tensor:
    return distribution.sample(shape, torch.Generator().manual_seed(seed))


TESTS: dict[str, tuple[Distribution, Callable[[Sample], float]]] = {
    "uniform": (Uniform(-2, 1), lambda s: p_value(s, Uniform(-2, 1))),
    "normal": (Normal(1, 2), lambda s: p_value(s, Normal(1, 2))),
    "truncated": (two_sigma(0, 0.1), lambda s: p_value(s, two_sigma(0, 0.1))),
    "orthogonal": (Orthogonal(2.0), lambda s: p_value(s, Orthogonal(2.0))),
    "fitted normal": (Normal(3, 0.1), fitted_normal_p),
    "fitted normal, many": (Normal(3, 0.1), fitted_normal_p),
    "fitted uniform": (Uniform(1, 3), fitted_uniform_p),
    "fitted truncated": (two_sigma(1, 0.2), fitted_cut_p),
}


@pytest.mark.parametrize("name", TESTS)
def test_the_right_distribution_is_rejected_no_oftener_than_said(name: str) -> None:
    distribution, test = TESTS[name]
    shape = (25, 20) if name in ("fitted truncated", "fitted normal, many") else (7, 6)
    p = np.array([test(sample_of([_drawn(distribution, shape, seed)])) for seed in range(200)])
    # Three standard errors above the level; and well below it the test would have no edge.
    for level in (0.05, 0.2):
        share = float((p <= level).mean())
        assert level / 4 < share < level + 3 * np.sqrt(level * (1 - level) / 200)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_rounding_rejects_nothing(dtype: torch.dtype) -> None:
    # 20,000 values share a few hundred places in bfloat16.
    for one in (Uniform(-0.1, 0.1), Normal(0, 0.3), two_sigma(0, 0.2)):
        p = [p_value(sample_of([_drawn(one, (200, 100), s).to(dtype)]), one) for s in range(10)]
        assert min(p) > 0.01
    # What PyTorch draws in half precision is coarser still.
    drawn = torch.empty(200, 100, dtype=dtype).uniform_(-0.1, 0.1)
    assert p_value(sample_of([drawn]), Uniform(-0.1, 0.1)) > 0.01
    assert p_value(sample_of([drawn]), Uniform(-0.104, 0.104)) < 1e-3


def test_near_misses_are_rejected() -> None:
    x = sample_of([_drawn(Uniform(-0.1, 0.1), (100, 100), 0)])
    assert p_value(x, Uniform(-0.1, 0.1)) > 0.01
    assert p_value(x, Uniform(-0.105, 0.105)) < 1e-3
    assert p_value(x, Uniform(-0.0999, 0.1)) == 0.0  # one value beyond is enough
    x = sample_of([_drawn(Normal(0, 0.1), (100, 100), 0)])
    assert p_value(x, Normal(0, 0.11)) < 1e-3
    assert p_value(x, Normal(0.01, 0.1)) < 1e-3
    assert p_value(x, two_sigma(0, 0.1 / 0.8796)) < 1e-3


def test_the_largest_value_of_a_normal_speaks_for_itself() -> None:
    x = _drawn(Normal(0, 1), (50, 40), 3)
    assert p_value(sample_of([x]), Normal(0, 1)) > 0.01
    stray = x.clone()
    stray[0, 0] = 6.5
    assert p_value(sample_of([stray]), Normal(0, 1)) < 1e-5
    assert p_value(sample_of([x.clamp(-2.3, 2.3)]), Normal(0, 1)) < 1e-5
    # P(|z| of one value is below 0.1) is 0.0797: a tenth of the level, on both sides.
    assert p_value(sample_of([torch.tensor([0.1])]), Normal(0, 1)) == 1.0
    assert goodness._largest_p(sample_of([torch.tensor([0.1])]), Normal(0, 1)) == pytest.approx(
        2 * (2 * stats.norm.cdf(0.1) - 1), rel=1e-5
    )


def test_a_stray_value_beyond_two_sigma_is_what_keras_draws() -> None:
    cut = two_sigma(0, 1)
    x = _drawn(cut, (400, 500), 1)
    x[0, 0] = 2.2
    assert p_value(sample_of([x]), cut) > 0.01
    x[0, :9] = 2.2
    assert p_value(sample_of([x]), cut) < 1e-3
    small = _drawn(cut, (10, 10), 1)
    small[0, 0] = 2.2
    assert p_value(sample_of([small]), cut) < 0.1


def test_constants_are_equal_or_not() -> None:
    x = sample_of([torch.full((4,), 0.1)])
    assert p_value(x, Constant(0.1)) == 1.0  # as float32 has it
    assert p_value(x, Constant(0.1000001)) == 0.0
    assert p_value(sample_of([torch.tensor([0.1, 0.2])]), Constant(0.1)) == 0.0


def test_orthogonal_matrices() -> None:
    right = nn.init.orthogonal_(torch.empty(40, 30), gain=1.5)
    assert orthogonal_p(sample_of([right]), Orthogonal(1.5)) > 0.01
    assert orthogonal_p(sample_of([right]), Orthogonal(1.4)) == 0.0
    assert orthogonal_p(sample_of([right.half()]), Orthogonal(1.5)) > 0.01
    assert orthogonal_p(sample_of([_drawn(Normal(0, 0.2), (40, 30), 0)]), Orthogonal()) == 0.0
    # Orthonormal, and not drawn: the identity, or one with a sign too regular.
    assert orthogonal_p(sample_of([torch.eye(30)]), Orthogonal()) < 1e-6
    assert orthogonal_p(sample_of([right.abs()]), Orthogonal(1.5)) == 0.0
    assert orthogonal_p(sample_of([torch.randn(5)]), Orthogonal()) == 0.0


def test_many_values_are_thinned_and_their_bounds_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(goodness, "MOST_VALUES", 1000)
    x = _drawn(Uniform(0, 1), (70, 100), 0)
    assert len(sample_of([x]).ordered) == 1000
    assert p_value(sample_of([x]), Uniform(0, 1)) > 0.01
    x.view(-1)[1] = 1.001  # between two that are tested
    assert p_value(sample_of([x]), Uniform(0, 1)) == 0.0


def test_the_same_values_give_the_same_p() -> None:
    x = sample_of([_drawn(Orthogonal(), (20, 20), 0)])
    assert orthogonal_p(x, Orthogonal()) == orthogonal_p(x, Orthogonal())
    assert fitted_normal_p(x) == fitted_normal_p(x)
