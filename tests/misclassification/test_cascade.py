"""Cascades: every threshold by hand, the paper's figure, and intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.misclassification.samples import binormal, tied

from affidavit.errors import DataError, DomainError
from affidavit.misclassification import EqualRecall, cascade, cascade_at


@given(sample=tied(most=10, both=False), data=st.data())
def test_every_point_is_what_its_threshold_does(
    sample: tuple[list[float], list[bool]], data: st.DataObject
) -> None:
    scores, wrong = sample
    second = [data.draw(st.booleans()) for _ in scores]
    found = cascade(scores, wrong, second, first_cost=2, second_cost=5)
    assert found.thresholds.tolist() == [math.inf, *sorted(set(scores), reverse=True)]
    for point, threshold in enumerate(found.thresholds):
        refused = [s >= threshold for s in scores]
        right = [b if r else not w for r, w, b in zip(refused, wrong, second, strict=True)]
        assert found.refused[point] == pytest.approx(np.mean(refused))
        assert found.accuracy[point] == pytest.approx(np.mean(right))
        assert found.cost[point] == pytest.approx(2 + 5 * np.mean(refused))
        here = cascade_at(scores, wrong, second, threshold, first_cost=2, second_cost=5, samples=20)
        assert here.refused.value == pytest.approx(found.refused[point])
        assert here.accuracy.value == pytest.approx(found.accuracy[point])
        assert here.gain.value == pytest.approx(found.accuracy[point] - found.accuracy[0])
        assert here.cost.value == pytest.approx(found.cost[point])


def test_the_ends_are_each_alone() -> None:
    scores, wrong = binormal(300, 0.2, 1.0, seed=0)
    second = np.random.default_rng(1).random(300) < 0.9
    found = cascade(scores, wrong, second)
    assert found.accuracy[0] == pytest.approx((~wrong).mean())
    assert found.accuracy[-1] == pytest.approx(second.mean())
    assert (found.refused[0], found.refused[-1]) == (0, 1)
    assert found.accuracy[found.best] == found.accuracy.max()


def test_the_figures_of_the_paper() -> None:
    # 495 of 556 wrong and 630 of 4444 right predictions are refused; specialists are always right.
    wrong = np.arange(5000) < 556
    scores = np.zeros(5000)
    scores[:495] = scores[556 : 556 + 630] = 1.0
    found = cascade_at(scores, wrong, 1.0, threshold=0.5, samples=200)
    assert found.confusion.refused == 1125
    assert found.refused.value == pytest.approx(0.225)
    # 61 mistakes remain among 5000: 98.78 %. The paper has 98.4 %, which is the accuracy of the
    # accepted predictions alone, 3814 of 3875.
    assert found.accuracy.value == pytest.approx(0.9878)
    assert 1 - found.confusion.risk == pytest.approx(0.984, abs=5e-4)
    assert found.gain.value == pytest.approx(495 / 5000)
    assert found.accuracy.lower < 0.9878 < found.accuracy.upper
    # The other threshold: 310 wrong and 120 right ones refused.
    scores = np.zeros(5000)
    scores[:310] = scores[556 : 556 + 120] = 1.0
    assert cascade(scores, wrong, 1.0).accuracy[1] == pytest.approx(1 - 246 / 5000)


def test_an_accuracy_stands_for_answers() -> None:
    scores, wrong = binormal(200, 0.3, 1.0, seed=0)
    assert cascade(scores, wrong, 1.0).accuracy.tolist() == pytest.approx(
        cascade(scores, wrong, np.ones(200, bool)).accuracy.tolist()
    )
    found = cascade_at(scores, wrong, 0.9, -math.inf, samples=50)
    assert (found.accuracy.value, found.accuracy.lower) == pytest.approx((0.9, 0.9))


def test_the_intervals_cover_at_their_level() -> None:
    # Refused above 1; wrong with probability 0.3, scores apart by 1; the second right in 80 %.
    hits = 0
    share = 0.7 * 0.158655 + 0.3 * 0.5
    truth = 0.7 * (1 - 0.158655) + 0.8 * share
    for seed in range(200):
        scores, wrong = binormal(150, 0.3, 1.0, seed=seed)
        second = np.random.default_rng(seed + 1000).random(150) < 0.8
        found = cascade_at(scores, wrong, second, 1.0, samples=200, confidence=0.9)
        hits += found.accuracy.lower <= truth <= found.accuracy.upper
    assert 0.83 <= hits / 200 <= 0.965


def test_a_policy_chosen_elsewhere_and_copies_of_photographs() -> None:
    threshold = EqualRecall().threshold(*binormal(400, 0.3, 1.0, seed=1))
    scores, wrong = (np.repeat(values, 5) for values in binormal(80, 0.3, 1.0, seed=2))
    of = np.repeat(np.arange(80), 5)
    plain, by_photograph = (
        cascade_at(scores, wrong, 1.0, threshold, clusters=clusters) for clusters in (None, of)
    )
    assert plain.accuracy.value == by_photograph.accuracy.value
    widths = [p.accuracy.upper - p.accuracy.lower for p in (plain, by_photograph)]
    assert widths[1] > 1.7 * widths[0]


@pytest.mark.parametrize(
    ("second", "error", "message"),
    [
        (1.5, DomainError, r"the second's accuracy is 1\.5"),
        ([0.5, 0.7, 1.0], DataError, "right has values other than True and False"),
        ([True], DataError, r"right has the shape \[1\], but there are 3 scores"),
        ([[True] * 3], DataError, r"second has the shape \[1, 3\]"),
    ],
    ids=["accuracy", "shares", "lengths", "dimensions"],
)
def test_a_second_that_cannot_be_used(second: Any, error: type[Exception], message: str) -> None:
    for function, more in ((cascade, ()), (cascade_at, (0.5,))):
        with pytest.raises(error, match=message):
            function([1.0, 2.0, 3.0], [True, False, False], second, *more)


def test_costs_without_a_meaning() -> None:
    with pytest.raises(DomainError, match=r"the costs are -1 and 0\.0"):
        cascade([1.0], [True], 1.0, first_cost=-1)
    with pytest.raises(DomainError, match="the threshold is NaN"):
        cascade_at([1.0], [True], 1.0, math.nan)
