"""Statistics of members against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from tests.misclassification.made_up import signals
from tests.reference import misclassification_scores as reference

from affidavit.misclassification.scorers import Dropout, Ensemble
from affidavit.misclassification.scorers.members import STATISTICS
from affidavit.misclassification.signals import Signals


@pytest.mark.parametrize("statistic", STATISTICS)
def test_the_formula(statistic: str) -> None:
    given, _ = signals(40)
    expected = []
    rows = given.members["dropout"].tolist()
    for p, predicted in zip(rows, given.predicted.tolist(), strict=True):
        mean = reference.mean_of(p)
        expected.append(
            {
                "entropy": reference.entropy(mean),
                "variation": reference.variation(p, predicted),
                "doubt": 1 - mean[predicted],
                "disagreement": reference.disagreement(p),
            }[statistic]
        )
    np.testing.assert_allclose(Dropout(statistic).score(given), expected, rtol=1e-9, atol=1e-12)
    assert not np.allclose(Ensemble(statistic).score(given), expected)


def test_members_that_agree_do_not_disagree() -> None:
    p = np.array([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    given = Signals(np.array([[2.0, 0.0]] * 2), np.zeros(2, int), members={"ensemble": p})
    np.testing.assert_allclose(Ensemble("disagreement").score(given), [0, np.log(2)])
    np.testing.assert_allclose(Ensemble("variation").score(given), [0, 0.5])
