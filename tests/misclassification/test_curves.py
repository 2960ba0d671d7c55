"""Curves: every point is what its threshold does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from sklearn import metrics
from tests.misclassification.samples import binormal, tied
from tests.reference import selective_measures as reference

from affidavit.errors import DataError
from affidavit.misclassification import auroc, confusion, risk_coverage, roc_curve


@given(sample=tied(most=15))
def test_every_point_of_the_roc_is_a_threshold(sample: tuple[list[float], list[bool]]) -> None:
    curve = roc_curve(*sample)
    assert curve.thresholds.tolist() == [np.inf, *sorted(set(sample[0]), reverse=True)]
    for threshold, right, wrong in zip(
        curve.thresholds, curve.right_refused, curve.wrong_refused, strict=True
    ):
        found = confusion(*sample, threshold)
        assert right == pytest.approx(1 - found.right_recall)
        assert wrong == pytest.approx(found.wrong_recall)
    assert curve.area == pytest.approx(auroc(*sample))


def test_the_roc_equals_scikit_learns() -> None:
    scores, wrong = binormal(300, 0.3, 1.0, seed=3, decimals=1)
    curve = roc_curve(scores, wrong)
    expected = metrics.roc_curve(wrong, scores, drop_intermediate=False)
    for ours, theirs in zip(
        (curve.right_refused, curve.wrong_refused, curve.thresholds), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs)


@given(sample=tied(most=15, both=False))
def test_every_step_of_risk_and_coverage(sample: tuple[list[float], list[bool]]) -> None:
    curve = risk_coverage(*sample)
    expected = np.array(reference.risk_coverage(*sample), float)
    np.testing.assert_allclose(curve.coverage, expected[:, 0])
    np.testing.assert_allclose(curve.risk, expected[:, 1])
    np.testing.assert_allclose(curve.generalized_risk, expected.prod(1))
    for threshold, coverage in zip(curve.thresholds, curve.coverage, strict=True):
        assert confusion(*sample, threshold).coverage == pytest.approx(coverage)


def test_a_roc_needs_both_classes() -> None:
    with pytest.raises(DataError, match="2 are right and 0 wrong"):
        roc_curve([1.0, 2.0], [False, False])
