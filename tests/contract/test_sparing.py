"""The threshold at which a claim is met with most to spare."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from affidavit.contract.kinds import DetectsErrors, SelectiveAccuracy
from affidavit.contract.sparing import MostToSpare
from affidavit.errors import DataError
from affidavit.misclassification import Policy

ERRORS = DetectsErrors(id="a", recall=0.7, false_alarms=0.2)
SELECTIVE = SelectiveAccuracy(id="a", at_least=0.8, coverage=0.5)


def p_of_errors(refused: np.ndarray, wrong: np.ndarray) -> float:
    """The larger p-value of both tests, straight from their definition."""
    caught, wrongs = int((refused & wrong).sum()), int(wrong.sum())
    kept, rights = int((~refused & ~wrong).sum()), int((~wrong).sum())
    tests = ((caught, wrongs, 0.7), (kept, rights, 0.8))
    return max(float(stats.binom.sf(k - 1, n, p)) for k, n, p in tests)


def p_of_selective(refused: np.ndarray, wrong: np.ndarray) -> float:
    accepted = int((~refused).sum())
    tests = ((int((~refused & ~wrong).sum()), accepted, 0.8), (accepted, len(wrong), 0.5))
    return max(float(stats.binom.sf(k - 1, n, p)) for k, n, p in tests)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("claim", "p_value"),
    [(ERRORS, p_of_errors), (SELECTIVE, p_of_selective)],
    ids=["errors", "selective"],
)
def test_no_threshold_has_a_smaller_p_value(
    claim: DetectsErrors | SelectiveAccuracy,
    p_value: Callable[[np.ndarray, np.ndarray], float],
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 12, 60) / 12  # with ties
    wrong = rng.uniform(size=60) < scores * 0.7
    found = MostToSpare(claim.least_shares).threshold(scores, wrong)
    every = [p_value(scores >= t, wrong) for t in (*np.unique(scores), math.inf)]
    assert p_value(scores >= found, wrong) == pytest.approx(min(every), rel=1e-9)


def test_where_the_claim_is_met_nowhere_it_is_missed_least() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(size=2000)
    wrong = rng.uniform(size=2000) < 0.5  # whatever the score
    found = MostToSpare(ERRORS.least_shares).threshold(scores, wrong)
    refused = scores >= found
    # A recall of 0.7 and 0.2 of false alarms are missed by as much: 0.45 of both.
    assert refused[wrong].mean() == pytest.approx(0.45, abs=0.03)


def test_far_from_the_claim_the_middle_is_chosen() -> None:
    # Every p-value between both kinds is below the smallest number there is.
    scores = np.linspace(0, 1, 20_000)
    wrong = scores > 0.5
    loose = DetectsErrors(id="a", recall=0.1, false_alarms=0.9)
    found = MostToSpare(loose.least_shares).threshold(scores, wrong)
    assert found == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("wrong", "word"), [(False, "right"), (True, "wrong")])
def test_without_both_kinds_there_is_nothing_to_choose_by(wrong: bool, word: str) -> None:
    policy = MostToSpare(ERRORS.least_shares)
    with pytest.raises(DataError, match=f"all 9 predictions are {word}: expected some wrong ones"):
        policy.threshold(np.arange(9.0), np.full(9, wrong))
    # Without a mistake, accuracy can be claimed all the same.
    assert isinstance(
        MostToSpare(SELECTIVE.least_shares).threshold([1.0, 2.0], [False, False]), float
    )


def test_it_is_a_policy() -> None:
    assert isinstance(MostToSpare(ERRORS.least_shares), Policy)
