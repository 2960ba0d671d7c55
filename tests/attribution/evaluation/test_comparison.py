"""Intervals and paired tests: known cases, coverage, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from affidavit.attribution.evaluation import bootstrap, compare, table
from affidavit.errors import DataError, DomainError
from affidavit.statistics import holm


def test_bootstrap_of_known_numbers() -> None:
    same = bootstrap([2.0] * 5)
    assert (same.mean, same.lower, same.upper, same.images) == pytest.approx((2.0, 2.0, 2.0, 5))
    values = np.random.default_rng(0).normal(size=400)
    found = bootstrap(values, samples=20_000)
    error = values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    assert found.lower == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert found.upper == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values, seed=1) != bootstrap(values)
    wide, narrow = (bootstrap(values, confidence=level) for level in (0.99, 0.8))
    assert wide.lower < narrow.lower < narrow.upper < wide.upper


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        found = bootstrap(generator.exponential(size=60), samples=500)
        hits += found.lower <= 1 <= found.upper
    assert 0.88 <= hits / 300 <= 0.98


def test_seeds_are_averaged_for_each_image_first() -> None:
    by_seed = [[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]]
    assert bootstrap(by_seed) == bootstrap([1.0, 2.0, 3.0])


def test_paired_comparison() -> None:
    generator = np.random.default_rng(0)
    base = generator.uniform(size=40)
    ours = base + 0.05 + 0.04 * generator.normal(size=40)
    values = {"ours": ours, "close": base, "same": ours.copy()}
    close, same = compare(values, "ours", larger_is_better=True)
    difference = ours - base
    assert (close.method, close.other, same.other) == ("ours", "close", "same")
    assert close.difference == bootstrap(difference)
    assert close.difference.lower > 0
    assert close.better == (difference > 0).sum()
    assert close.worse > 0
    assert close.better + close.worse + close.equal == 40
    assert close.wilcoxon == pytest.approx(stats.wilcoxon(ours, base).pvalue)
    expected = sum(math.comb(40, k) for k in range(close.worse + 1)) * 2 / 2**40
    assert close.sign_test == pytest.approx(min(expected, 1))
    assert (same.equal, same.sign_test, same.wilcoxon, same.adjusted) == (40, 1.0, 1.0, 1.0)
    assert [close.adjusted, same.adjusted] == holm([close.wilcoxon, same.wilcoxon])
    lower = compare(values, "ours", larger_is_better=False)[0]
    assert (lower.better, lower.worse) == (close.worse, close.better)
    assert lower.difference == close.difference


def test_a_table_of_what_there_is() -> None:
    results = {"a": {"deletion": [0.1, 0.3], "gini": [0.5, 0.5]}, "b": {"deletion": [0.2, 0.2]}}
    found = table(results, ["gini", "deletion"])
    assert list(found["a"]) == ["gini", "deletion"]
    assert list(found["b"]) == ["deletion"]
    assert found["a"]["deletion"].mean == pytest.approx(0.2)
    assert found["a"]["deletion"] == bootstrap([0.1, 0.3])
    broken = table({"a": {"x": [0.1, math.nan, 0.3], "y": [math.inf]}}, ["x", "y", "z"])
    assert broken == {"a": {"x": bootstrap([0.1, 0.3])}}


def test_bad_input() -> None:
    with pytest.raises(DataError, match="the number of image 1 is nan"):
        bootstrap([0.0, math.nan])
    with pytest.raises(DataError, match=r"shape \[0\]"):
        bootstrap([])
    with pytest.raises(DomainError, match=r"confidence is 1.0"):
        bootstrap([1.0], confidence=1.0)
    values = {"neuromask": [1.0, 2.0], "rise": [1.0]}
    with pytest.raises(DataError, match="'neuromask' has 2 images, 'rise' has 1"):
        compare(values, "neuromask", larger_is_better=True)
    with pytest.raises(DataError, match=r"no values of 'neuromsak' \(did you mean 'neuromask'\?\)"):
        compare(values, "neuromsak", larger_is_better=True)
