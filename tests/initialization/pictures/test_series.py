"""The arrays of pictures: what the results hold, in the right places."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from tests.initialization.problems import descend, exclusive_or, small

from affidavit.errors import DataError, DomainError
from affidavit.initialization.pictures import (
    curves_by_scale,
    gain_by_delta,
    gain_by_time,
    gain_by_trial,
    gains,
    gains_by_delta,
    gains_by_time,
    training_curves,
)
from affidavit.initialization.result import SearchResult
from affidavit.initialization.scales import training_curves_by_scale
from affidavit.initialization.searching import search
from affidavit.initialization.strategies import Halving, Walk
from affidavit.initialization.training import Trainer

DATA = exclusive_or()


@pytest.fixture(scope="module")
def walk() -> SearchResult:
    plan = Walk(deltas=(0.3, -0.2), budget=4)
    return search(small, DATA, max_trial=7, strategy=plan, train=descend, seed=3)


def test_gains_of_a_walk(walk: SearchResult) -> None:
    accuracies = walk.accuracies.tolist()
    expected = [accuracy - accuracies[0] for accuracy in accuracies[1:]]
    assert gains(walk).tolist() == expected
    assert gains(walk, 0.3).tolist() == expected[:4]
    assert gains(walk, -0.2).tolist() == expected[4:]
    assert gains_by_delta(walk) == {0.3: max(expected[:4]), -0.2: max(expected[4:])}
    assert max(0, *expected) == walk.gain
    seconds, found = gains_by_time(walk)
    assert found.tolist() == [0, *expected]
    assert seconds.tolist() == [run.finished for run in walk.runs]
    assert (np.diff(seconds) >= 0).all()


def test_pictures_take_them(walk: SearchResult) -> None:
    assert gain_by_delta({"walk": gains_by_delta(walk)}).axes
    assert gain_by_trial({"walk": gains(walk)}).axes
    assert gain_by_time({"walk": gains_by_time(walk)}).axes


def changed(result: SearchResult, **by_position: Any) -> SearchResult:
    runs = [
        dataclasses.replace(run, **by_position.get(f"p{run.position}", {})) for run in result.runs
    ]
    return dataclasses.replace(result, runs=tuple(runs))


def test_failed_and_missing_trials_are_nan(walk: SearchResult) -> None:
    failed = {"state": "failed", "accuracy": math.nan}
    found = changed(walk, p2=failed, p5=failed, p6=failed, p7=failed)
    assert np.flatnonzero(np.isnan(gains(found))).tolist() == [1, 4, 5, 6]
    assert gains_by_delta(found)[0.3] == np.nanmax(gains(walk, 0.3)[[0, 2, 3]])
    assert math.isnan(gains_by_delta(found)[-0.2])
    # Another machine has not finished trial 3 yet.
    under_way = dataclasses.replace(walk, runs=tuple(run for run in walk.runs if run.position != 3))
    assert np.flatnonzero(np.isnan(gains(under_way))).tolist() == [2]
    assert np.flatnonzero(np.isnan(gains(under_way, 0.3))).tolist() == [2]


def test_runs_that_ended_out_of_order(walk: SearchResult) -> None:
    found = changed(walk, p3={"finished": 1e6}, p4={"finished": 1e5})
    seconds, values = gains_by_time(found)
    assert seconds[-2:].tolist() == [1e5, 1e6]
    assert values[-2:].tolist() == gains(walk)[[3, 2]].tolist()


def test_runs_given_up_early_have_no_gain() -> None:
    found = search(
        small,
        DATA,
        max_trial=4,
        strategy=Halving(population=4, factor=2.0, stages=2),
        train=Trainer(epochs=2, batch_size=32),
        seed=3,
    )
    dropped = [run.position - 1 for run in found.runs if run.state == "dropped"]
    assert len(dropped) == 2
    assert np.flatnonzero(np.isnan(gains(found))).tolist() == dropped
    with pytest.raises(DataError, match="by 'halving' and has no step sizes"):
        gains_by_delta(found)


def test_curves_by_scale() -> None:
    found = training_curves_by_scale(small, DATA, (0.5, 1e25), train=Trainer(epochs=2))
    series = curves_by_scale(found)
    assert list(series) == ["weights × 0.5", "weights × 1e+25"]
    for (epochs, values), curve in zip(series.values(), found.values(), strict=True):
        np.testing.assert_array_equal(epochs, curve.epochs)
        np.testing.assert_array_equal(values, curve.accuracy)
    for curve, (_, values) in zip(
        found.values(), curves_by_scale(found, "loss").values(), strict=True
    ):
        np.testing.assert_array_equal(values, curve.loss)
    assert training_curves(series).axes
    assert training_curves(curves_by_scale(found, "loss"), shown="loss").axes


def test_bad_input(walk: SearchResult) -> None:
    with pytest.raises(DomainError, match=r"no trial with δ = 0.25; it tried 0.3, -0.2"):
        gains(walk, 0.25)
    begun = dataclasses.replace(walk, runs=walk.runs[:1])
    for draw in (gains, gains_by_delta):
        with pytest.raises(DataError, match="no trials after its first run"):
            draw(begun)
