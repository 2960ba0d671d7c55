"""What a report shows of many runs."""

from __future__ import annotations

import csv
import io
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load
from torch import nn

from affidavit.contract.run_exhibits import (
    accuracies_chart,
    progress_chart,
    runs_file,
    spread_table,
    weights_file,
)
from affidavit.initialization.evidence import seed_spread
from affidavit.initialization.runs import Run, State


@given(st.lists(st.integers(0, 300), min_size=1, max_size=50))
def test_bars_are_whole_rows(right: list[int]) -> None:
    chart = accuracies_chart(right, 300, "test", 0.5)
    ends = np.array(chart.edges) * 300
    np.testing.assert_allclose(ends % 1, 0.5)
    widths = np.diff(ends)
    np.testing.assert_allclose(widths, widths[0])
    assert len(widths) <= 20
    expected = [sum(low < one < high for one in right) for low, high in pairwise(ends)]
    assert list(chart.groups[0].counts) == expected
    assert sum(expected) == len(right)


def run(position: int, accuracy: float, state: State = "complete", reason: str = "") -> Run:
    bits = None
    if not math.isnan(accuracy):
        bits = np.arange(10) < round(10 * accuracy)
    return Run(position, {"seed": 7 + position}, state, accuracy, 0.5, 3, 1.25, bits, bits, reason)


RUNS = (
    run(0, 0.5),
    run(1, math.nan, "failed", "NaN, or worse"),
    run(2, 0.7),
    run(3, 0.6),
    run(4, 0.9, "dropped"),
    run(5, 0.8),
)


def test_the_best_so_far_is_of_complete_runs() -> None:
    chart = progress_chart(RUNS, 0.75)
    each, best = chart.curves
    np.testing.assert_array_equal(each.y, [0.5, math.nan, 0.7, 0.6, math.nan, 0.8])
    assert list(zip(best.x, best.y, strict=True)) == [
        (0, 0.5), (1, 0.5), (2, 0.7), (4, 0.7), (5, 0.8),
    ]  # fmt: skip
    assert chart.at_least == 0.75
    many = progress_chart([run(place, 0.5) for place in range(201)], 0.5)
    assert [(curve.label, curve.x) for curve in many.curves] == [("best so far", (0, 200))]


def test_runs_as_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(runs_file(RUNS, RUNS[5]).content.decode())))
    assert [row["run"] for row in rows if row["chosen"] == "yes"] == ["5"]
    assert rows[1]["reason"] == "NaN, or worse"
    assert (rows[1]["validation"], rows[2]["validation"]) == ("", "0.7")
    assert [row["seed"] for row in rows] == ["7", "8", "9", "10", "11", "12"]


def test_weights_that_share_their_memory() -> None:
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    found = load(weights_file(nn.Sequential(first, second)).content)
    assert set(found) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    assert found["1.weight"].equal(first.weight)


def test_there_is_no_spread_where_nothing_differs() -> None:
    one = np.arange(8) % 2 == 0
    assert seed_spread(np.stack([one, one]), 0.95) is None
    assert seed_spread(one[None], 0.95) is None
    assert seed_spread(np.array([[True], [False]]), 0.95) is None
    correct = np.random.default_rng(0).uniform(size=(6, 50)) < 0.7
    found = seed_spread(correct, 0.95)
    assert found is not None
    seen, true, chance = spread_table(found).rows
    assert seen[1] == pytest.approx(correct.mean(1).std(ddof=1))
    assert isinstance(true[4], float)
    assert isinstance(chance[4], float)
    assert true[4] + chance[4] == pytest.approx(1)
