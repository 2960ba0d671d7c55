"""What values could have been drawn by: the choice among the catalogue's entries."""

from __future__ import annotations

import pytest
import torch

from affidavit.initialization.catalogue import initializer
from affidavit.initialization.distributions import (
    Distribution,
    Normal,
    TruncatedNormal,
    Uniform,
    two_sigma,
)
from affidavit.initialization.fans import Fans
from affidavit.initialization.finding import goodness
from affidavit.initialization.finding.candidates import FEWEST_TO_FIT, Candidate, candidates
from affidavit.initialization.finding.goodness import sample_of


def _names(
    distribution: Distribution,
    shape: tuple[int, ...],
    fans: Fans | None = None,
    layout: str = "torch",
) -> list[str]:
    return [one.initializer.text for one in _of(distribution, shape, fans, layout)]


def _of(
    distribution: Distribution, shape: tuple[int, ...], fans: Fans | None, layout: str
) -> list[Candidate]:
    x = distribution.sample(shape, torch.Generator().manual_seed(11))
    return candidates(sample_of([x]), shape, fans, layout, 0.001)


def test_entries_go_by_the_names_of_their_library() -> None:
    drawn = initializer("he_uniform").distribution(Fans(80, 60))
    assert _names(drawn, (60, 80), Fans(80, 60), "torch") == ["kaiming_uniform_"]
    assert _names(drawn, (80, 60), Fans(80, 60), "keras") == ["he_uniform"]


def test_entries_with_their_own_numbers_come_before_fitted_ones() -> None:
    assert _names(Normal(0, 0.05), (60, 80), Fans(80, 60)) == ["random_normal"]
    assert _names(Normal(0, 1), (300,)) == ["normal_"]
    (name,) = _names(Normal(0.5, 0.05), (3000,))
    assert name.startswith("random_normal(mean=0.5")


def test_scaled_entries_need_fans() -> None:
    drawn = initializer("he_normal").distribution(Fans(80, 60))
    assert _names(drawn, (60, 80), Fans(80, 60)) == ["he_normal"]
    assert _names(drawn, (4800,))[0].startswith("truncated_normal(")


def test_round_numbers_come_before_fitted_ones() -> None:
    assert _names(Normal(0, 0.013), (90, 60)) == ["random_normal(stddev=0.013)"]
    assert _names(Normal(0, 0.02), (90, 60)) == ["random_normal(stddev=0.02)"]
    (name,) = _names(Uniform(-0.08, 0.08), (90, 60))
    assert name == "random_uniform(minval=-0.08, maxval=0.08)"
    assert _names(two_sigma(0, 0.02), (90, 60)) == ["truncated_normal(stddev=0.02)"]
    (name,) = _names(Normal(0, 0.01237), (900, 600))
    assert name.startswith("random_normal(mean=")


def test_fitted_numbers_are_those_of_the_values() -> None:
    best = _of(two_sigma(0.3, 0.02), (3000,), None, "torch")[0].distribution
    assert isinstance(best, TruncatedNormal)
    assert abs(best.mean - 0.3) < 0.001
    assert abs(best.std - 0.02) < 0.0005
    best = _of(Uniform(2, 5), (3000,), None, "torch")[0].distribution
    assert isinstance(best, Uniform)
    assert 2 <= best.low < 2.01
    assert 4.99 < best.high <= 5


def test_of_a_few_values_nothing_is_fitted() -> None:
    values = Normal(7, 0.1)
    assert _names(values, (FEWEST_TO_FIT - 1,)) == []
    found = _names(values, (FEWEST_TO_FIT,))
    assert any(name.startswith("random_normal(mean=") for name in found)
    assert not any(name.startswith("truncated_normal(") for name in found)


def test_one_value_is_a_constant_and_a_vector_no_matrix() -> None:
    assert _names(Normal(0.5, 0.1), (1,))[0].startswith("constant(value=")
    unit = torch.randn(1, 40)
    found = candidates(sample_of([unit / unit.norm()]), (1, 40), Fans(40, 1), "torch", 0.001)
    assert "orthogonal" not in [one.initializer.name for one in found]


def test_numbers_out_of_range_have_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for scale in (1e200, 1e-200):
        x = torch.randn(20, 15, dtype=torch.float64) * scale
        assert candidates(sample_of([x]), (20, 15), Fans(15, 20), "torch", 0.001) == []
    monkeypatch.setattr(goodness, "MOST_VALUES", 100)
    x = torch.ones(30, 10)
    x.view(-1)[1] = 2.0  # not among those that are tested
    assert candidates(sample_of([x]), (30, 10), Fans(10, 30), "torch", 0.001) == []


def test_what_is_no_initializer_has_no_name() -> None:
    steps = torch.linspace(0, 1, 2000) ** 3
    assert candidates(sample_of([steps]), (2000,), None, "torch", 0.001) == []
    mixed = torch.cat([torch.randn(500), torch.randn(500) + 8])
    assert candidates(sample_of([mixed]), (1000,), None, "torch", 0.001) == []
