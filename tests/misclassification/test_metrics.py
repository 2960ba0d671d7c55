"""Metrics against their definitions, against scikit-learn, and on what has no meaning."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from tests.misclassification.samples import binormal, tied
from tests.reference import selective_measures as reference

from affidavit.errors import DataError, DomainError
from affidavit.misclassification import (
    METRICS,
    augrc,
    aupr,
    aurc,
    auroc,
    coverage_at_risk,
    e_aurc,
    fpr_at_tpr,
    risk_at_coverage,
)
from affidavit.misclassification.ranking import Ranking

ORACLES: dict[str, Callable[[Any, Any], Fraction]] = {
    "auroc": reference.auroc,
    "aupr_wrong": reference.average_precision,
    "aupr_right": lambda s, w: reference.average_precision([-x for x in s], [not x for x in w]),
    "fpr_at_95_tpr": lambda s, w: reference.fpr_at_tpr(s, w, Fraction(95, 100)),
    "fpr_at_95_tpr_right": lambda s, w: reference.fpr_at_tpr(
        [-x for x in s], [not x for x in w], Fraction(95, 100)
    ),
    "aurc": reference.aurc,
    "e_aurc": reference.e_aurc,
    "augrc": reference.augrc,
    "coverage_at_risk_0.05": lambda s, w: reference.coverage_at_risk(s, w, Fraction(5, 100)),
    "risk_at_coverage_0.8": lambda s, w: reference.risk_at_coverage(s, w, Fraction(8, 10)),
}
ALWAYS_DEFINED = ("aurc", "e_aurc", "augrc", "coverage_at_risk_0.05", "risk_at_coverage_0.8")


def evaluated(name: str, scores: Any, wrong: Any, weights: Any = None) -> Any:
    return METRICS[name].measure(Ranking.of(scores, wrong).steps(weights))


def test_every_metric_has_an_oracle() -> None:
    assert list(ORACLES) == list(METRICS)


@pytest.mark.parametrize("name", METRICS)
@given(sample=tied(most=6))
@settings(max_examples=25)
def test_metrics_equal_their_definitions(name: str, sample: tuple[list[float], list[bool]]) -> None:
    assert evaluated(name, *sample) == pytest.approx(float(ORACLES[name](*sample)), abs=1e-12)


@pytest.mark.parametrize("name", ALWAYS_DEFINED)
@pytest.mark.parametrize("mistakes", [False, True])
def test_metrics_of_right_or_wrong_predictions_alone(name: str, mistakes: bool) -> None:
    scores, wrong = [1.0, 2.0, 2.0, 3.0], [mistakes] * 4
    assert evaluated(name, scores, wrong) == pytest.approx(float(ORACLES[name](scores, wrong)))


@pytest.mark.parametrize("tpr", [Fraction(1, 100), Fraction(1, 2), Fraction(2, 3), Fraction(1)])
@given(sample=tied())
@settings(max_examples=25)
def test_shares_other_than_the_usual(tpr: Fraction, sample: tuple[list[float], list[bool]]) -> None:
    scores, wrong = sample
    assert fpr_at_tpr(scores, wrong, tpr=float(tpr)) == pytest.approx(
        float(reference.fpr_at_tpr(scores, wrong, tpr))
    )
    swapped = reference.fpr_at_tpr([-s for s in scores], [not w for w in wrong], tpr)
    assert fpr_at_tpr(scores, wrong, tpr=float(tpr), positive="right") == pytest.approx(
        float(swapped)
    )
    assert coverage_at_risk(scores, wrong, risk=float(tpr)) == pytest.approx(
        float(reference.coverage_at_risk(scores, wrong, tpr))
    )
    assert risk_at_coverage(scores, wrong, coverage=float(tpr)) == pytest.approx(
        float(reference.risk_at_coverage(scores, wrong, tpr))
    )


@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_areas_equal_scikit_learns(decimals: int | None) -> None:
    scores, wrong = binormal(700, 0.2, 1.0, seed=decimals or 7, decimals=decimals)
    assert auroc(scores, wrong) == pytest.approx(roc_auc_score(wrong, scores), abs=1e-12)
    assert aupr(scores, wrong) == pytest.approx(average_precision_score(wrong, scores), abs=1e-12)
    assert aupr(scores, wrong, positive="right") == pytest.approx(
        average_precision_score(~wrong, -scores), abs=1e-12
    )


@pytest.mark.parametrize("name", METRICS)
@given(sample=tied(most=30, both=False), seed=st.integers(0, 2**16))
@settings(max_examples=20)
def test_neither_the_order_nor_a_rising_function_of_the_scores_changes_a_metric(
    name: str, sample: tuple[list[float], list[bool]], seed: int
) -> None:
    scores, wrong = np.array(sample[0]), np.array(sample[1])
    found = evaluated(name, scores, wrong)
    order = np.random.default_rng(seed).permutation(len(scores))
    np.testing.assert_allclose(evaluated(name, scores[order], wrong[order]), found, atol=1e-12)
    np.testing.assert_array_equal(evaluated(name, np.exp(scores) - 5, wrong), found)


@pytest.mark.parametrize("name", METRICS)
@given(sample=tied(most=12, both=False), data=st.data())
@settings(max_examples=20)
def test_weights_are_copies(
    name: str, sample: tuple[list[float], list[bool]], data: st.DataObject
) -> None:
    scores, wrong = np.array(sample[0]), np.array(sample[1])
    times = [data.draw(st.integers(0, 3)) for _ in scores]
    times[0] += not any(times)
    copied = evaluated(name, np.repeat(scores, times), np.repeat(wrong, times))
    batch = evaluated(name, scores, wrong, [times, np.ones(len(scores), int)])
    np.testing.assert_allclose(batch, [copied, evaluated(name, scores, wrong)], atol=1e-12)


def test_augrc_by_auroc_and_accuracy() -> None:
    scores, wrong = binormal(500, 0.3, 1.0, seed=0, decimals=1)
    a = 1 - wrong.mean()
    expected = (1 - np.asarray(auroc(scores, wrong))) * a * (1 - a) + (1 - a) ** 2 / 2
    assert augrc(scores, wrong) == pytest.approx(expected, abs=1e-12)


def test_perfect_and_inverted_orders() -> None:
    wrong = np.arange(100) >= 80
    best, worst = np.arange(100.0), -np.arange(100.0)
    assert auroc(best, wrong) == 1
    assert auroc(worst, wrong) == 0
    assert e_aurc(best, wrong) == pytest.approx(0, abs=1e-12)
    assert fpr_at_tpr(best, wrong) == 0
    assert fpr_at_tpr(worst, wrong) == 1
    assert coverage_at_risk(best, wrong, risk=0.0) == 0.8
    assert risk_at_coverage(best, wrong, coverage=0.8) == 0
    # The limit for infinitely many predictions is close, and below.
    limit = 0.2 + 0.8 * math.log(0.8)
    assert limit < aurc(best, wrong) < limit + 0.002


def test_a_constant_score_is_chance() -> None:
    wrong = np.arange(50) < 10
    assert auroc(np.zeros(50), wrong) == 0.5
    assert aurc(np.zeros(50), wrong) == pytest.approx(0.2)
    assert augrc(np.zeros(50), wrong) == pytest.approx(0.1)


@pytest.mark.parametrize("name", [name for name in METRICS if name not in ALWAYS_DEFINED])
def test_resamples_without_a_wrong_prediction_are_nan(name: str) -> None:
    scores, wrong = [0.0, 1.0, 2.0], [False, False, True]
    found = evaluated(name, scores, wrong, [[1, 1, 1], [2, 1, 0], [0, 0, 3]])
    assert np.isnan(found).tolist() == [False, True, True]


@pytest.mark.parametrize("measure", [auroc, aupr, fpr_at_tpr], ids=lambda m: m.__name__)
def test_predictions_that_are_all_right_or_all_wrong(measure: Callable[..., Any]) -> None:
    with pytest.raises(DataError, match=r"of 3 predictions 3 are right and 0 wrong.*one of each"):
        measure([1.0, 2.0, 3.0], [False] * 3)
    with pytest.raises(DataError, match="0 are right and 3 wrong"):
        measure([1.0, 2.0, 3.0], [True] * 3)


@pytest.mark.parametrize(
    ("scores", "wrong", "message"),
    [
        ([], [], r"shape \[0\]; expected \[n\]"),
        ([[1.0, 2.0]], [True], r"shape \[1, 2\]"),
        ([1.0, math.nan, math.nan], [0, 1, 0], "2 of 3 scores are not finite, first that of row 1"),
        ([1.0, math.inf], [0, 1], "row 1: inf"),
        ([1.0, 2.0], [True], r"wrong has the shape \[1\], but there are 2 scores"),
        ([1.0, 2.0], [0, 2], "values other than True and False"),
    ],
    ids=["empty", "two_dimensions", "nan", "infinite", "lengths", "labels"],
)
def test_arrays_that_cannot_be_used(scores: Any, wrong: Any, message: str) -> None:
    for measure in (auroc, aurc):
        with pytest.raises(DataError, match=message):
            measure(scores, wrong)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 1, 1], r"shape \[3\]; expected \[2\] or \[resample, 2\]"),
        ([-1, 2], "whole numbers, none below 0"),
        ([0.5, 1.0], "whole numbers"),
        ([math.inf, 1.0], "whole numbers"),
        ([[1, 1], [0, 0]], "all weights are 0"),
    ],
    ids=["shape", "negative", "fraction", "infinite", "nothing"],
)
def test_weights_that_cannot_be_used(weights: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        auroc([0.0, 1.0], [False, True], weights)


def test_settings_without_a_meaning() -> None:
    scores, wrong = [0.0, 1.0], [False, True]
    with pytest.raises(DomainError, match="tpr is 0; expected a share above 0, at most 1"):
        fpr_at_tpr(scores, wrong, tpr=0)
    with pytest.raises(DomainError, match=r"coverage is 1\.5"):
        risk_at_coverage(scores, wrong, coverage=1.5)
    with pytest.raises(DomainError, match="risk is -1"):
        coverage_at_risk(scores, wrong, risk=-1)
    with pytest.raises(DomainError, match="positive is 'both'; expected 'wrong' or 'right'"):
        aupr(scores, wrong, positive="both")  # type: ignore[arg-type]
