"""DeLong's interval against the pairs it is defined by, the bootstrap, and its level."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from scipy import stats
from tests.misclassification.samples import binormal, tied
from tests.reference import selective_measures as reference

from affidavit.errors import DataError, DomainError
from affidavit.misclassification import auroc, compare, delong, delong_difference

Z = float(stats.norm.ppf(0.975))


@given(sample=tied(most=14))
def test_the_interval_is_that_of_the_definition(sample: tuple[list[float], list[bool]]) -> None:
    scores, wrong = sample
    if min(sum(wrong), len(wrong) - sum(wrong)) < 2:
        return
    found = delong(scores, wrong)
    area = float(reference.auroc(scores, wrong))
    reach = Z * math.sqrt(reference.delong_variance(scores, wrong))
    assert (found.value, found.lower, found.upper) == pytest.approx(
        (area, max(area - reach, 0), min(area + reach, 1)), abs=1e-12
    )


def test_the_bootstrap_agrees() -> None:
    scores, wrong = binormal(1500, 0.2, 1.2, seed=0)
    other = scores + np.random.default_rng(1).normal(size=len(scores))
    drawn = compare({"a": scores, "b": other}, wrong, against="b", metrics=["auroc"], samples=1500)
    for found, exact in (
        (drawn.estimates["a"]["auroc"], delong(scores, wrong)),
        (drawn.differences["a"]["auroc"].difference, delong_difference(scores, other, wrong)),
    ):
        width = exact.upper - exact.lower
        assert found.value == pytest.approx(exact.value)
        assert found.lower == pytest.approx(exact.lower, abs=0.08 * width)
        assert found.upper == pytest.approx(exact.upper, abs=0.08 * width)


def test_it_covers_at_its_level() -> None:
    truth = float(stats.norm.cdf(1 / math.sqrt(2)))
    hits = sum(
        found.lower <= truth <= found.upper
        for found in (delong(*binormal(150, 0.3, 1.0, seed=seed)) for seed in range(400))
    )
    assert 0.915 <= hits / 400 <= 0.98


def test_a_method_does_not_differ_from_itself() -> None:
    scores, wrong = binormal(100, 0.3, 1.0, seed=0)
    found = delong_difference(scores, 2 * scores, wrong)
    assert (found.value, found.lower, found.upper) == (0, 0, 0)
    assert delong(scores, wrong).value == pytest.approx(auroc(scores, wrong))


def test_bad_input() -> None:
    with pytest.raises(DataError, match=r"2 are right and 1 wrong; expected at least two of each"):
        delong([1.0, 2.0, 3.0], [False, False, True])
    with pytest.raises(DomainError, match="confidence is 2"):
        delong([1.0, 2.0, 3.0, 4.0], [False, False, True, True], confidence=2)
