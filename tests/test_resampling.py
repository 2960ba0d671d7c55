"""Resamples: how often each row is drawn, by itself, by cluster and by stratum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from affidavit.errors import DataError, DomainError
from affidavit.resampling import (
    check_resampling,
    counted,
    percentile_interval,
    resampled_counts,
    resamples,
)


def test_rows_come_in_parts_and_are_the_same_every_time() -> None:
    parts = list(resamples(300_000, 7, seed=1))
    assert [len(part) for part in parts] == [3, 3, 1]
    rows = np.concatenate(parts)
    assert rows.shape == (7, 300_000)
    assert rows.min() >= 0
    assert rows.max() < 300_000
    np.testing.assert_array_equal(rows, np.concatenate(list(resamples(300_000, 7, seed=1))))
    assert (rows != np.concatenate(list(resamples(300_000, 7, seed=2)))).any()


def test_counts_are_of_the_same_rows() -> None:
    rows = next(resamples(5, 20, seed=0))
    expected = [[list(row).count(place) for place in range(5)] for row in rows]
    np.testing.assert_array_equal(counted(rows, 5), expected)
    np.testing.assert_array_equal(next(resampled_counts(5, 20, 0)), expected)


def test_clusters_are_drawn_whole() -> None:
    clusters = np.array(["b", "a", "b", "c", "a", "b"])
    counts = np.concatenate(list(resampled_counts(6, 500, 0, clusters=clusters)))
    of = {name: counts[:, clusters == name] for name in "abc"}
    assert all((found == found[:, :1]).all() for found in of.values())
    assert (np.stack([found[:, 0] for found in of.values()]).sum(0) == 3).all()
    assert np.ptp(counts.sum(1)) > 0


def test_strata_keep_their_sizes() -> None:
    strata = np.array([True, False, False, True, False])
    counts = np.concatenate(list(resampled_counts(5, 400, 0, strata=strata)))
    assert (counts[:, strata].sum(1) == 2).all()
    assert (counts[:, ~strata].sum(1) == 3).all()
    assert counts.mean(0) == pytest.approx(1, abs=0.15)


def test_an_interval_is_the_middle() -> None:
    assert percentile_interval(np.arange(101), 0.9) == pytest.approx((5, 95))


@pytest.mark.parametrize(("confidence", "samples"), [(0, 10), (1.0, 10), (0.5, 0)])
def test_levels_and_numbers_without_a_meaning(confidence: float, samples: int) -> None:
    with pytest.raises(DomainError, match="expected between 0 and 1, and at least 1"):
        check_resampling(confidence, samples)


def test_groups_that_cannot_be_used() -> None:
    def first(**groups: Any) -> None:
        next(resampled_counts(3, 1, 0, **groups))

    with pytest.raises(DataError, match=r"clusters have the shape \[2\], but there are 3 rows"):
        first(clusters=[0, 1])
    with pytest.raises(DataError, match="there is 1 cluster"):
        first(clusters=[4, 4, 4])
    with pytest.raises(DomainError, match="by clusters or by strata"):
        first(clusters=[0, 1, 2], strata=[0, 0, 1])
