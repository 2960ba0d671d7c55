"""Policies against a search over all thresholds, their guarantees, and what they refuse."""

from __future__ import annotations

import json
import math
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.misclassification.samples import binormal, tied

from affidavit.errors import AffidavitError, DataError, DomainError, RecordError
from affidavit.misclassification import (
    POLICIES,
    AcceptShare,
    Confusion,
    EqualRecall,
    Fixed,
    MaximumRisk,
    Policy,
    RecallTarget,
    confusion,
    policy_from_json,
    policy_to_json,
)
from affidavit.misclassification.policies import AnyPolicy
from affidavit.statistics import binomial_upper

EXAMPLES: list[AnyPolicy] = [
    EqualRecall(),
    RecallTarget("right", 0.9),
    RecallTarget("wrong", 0.8, confidence=0.9),
    MaximumRisk(0.1, 0.9),
    AcceptShare(0.75),
    Fixed(0.5),
    Fixed(math.inf),
]


def outcomes(scores: list[float], wrong: list[bool]) -> list[tuple[float, Confusion]]:
    """Every threshold there is, ascending, and what it does."""
    return [(t, confusion(scores, wrong, t)) for t in [*sorted(set(scores)), math.inf]]


@given(sample=tied(most=12))
@settings(max_examples=100)
def test_equal_recall_is_the_closest(sample: tuple[list[float], list[bool]]) -> None:
    chosen = confusion(*sample, EqualRecall().threshold(*sample))

    def closeness(found: Confusion) -> tuple[float, float]:
        recalls = found.wrong_recall, found.right_recall
        return round(abs(recalls[0] - recalls[1]), 9), -round(min(recalls), 9)

    assert closeness(chosen) == min(closeness(found) for _, found in outcomes(*sample))


@given(sample=tied(most=12), percent=st.integers(1, 100))
@settings(max_examples=100)
def test_recall_targets_are_met_at_the_least_cost(
    sample: tuple[list[float], list[bool]], percent: int
) -> None:
    target = percent / 100
    wrong = RecallTarget("wrong", target).threshold(*sample)
    meets = [t for t, found in outcomes(*sample) if found.wrong_recall >= target - 1e-9]
    assert wrong == max(meets)
    right = RecallTarget("right", target).threshold(*sample)
    meets = [t for t, found in outcomes(*sample) if found.right_recall >= target - 1e-9]
    assert right == min(meets)


@given(sample=tied(most=12, both=False), percent=st.integers(1, 100))
@settings(max_examples=60)
def test_a_share_is_accepted(sample: tuple[list[float], list[bool]], percent: int) -> None:
    threshold = AcceptShare(percent / 100).threshold(*sample)
    enough = [t for t, found in outcomes(*sample) if found.coverage >= percent / 100 - 1e-9]
    assert threshold == min(enough)


def test_a_fixed_threshold_is_what_it_is() -> None:
    assert Fixed(0.25).threshold([], []) == 0.25
    assert confusion([1.0, 2.0], [True, False], 2.0).refused == 1
    assert confusion([1.0, 2.0], [True, False], math.inf).refused == 0
    assert confusion([1.0, 2.0], [True, False], -math.inf).refused == 2


@pytest.mark.parametrize("of", ["wrong", "right"])
def test_a_proved_recall_holds_as_often_as_it_says(of: Any) -> None:
    policy = RecallTarget(of, 0.8, confidence=0.9)
    plain = RecallTarget(of, 0.8)
    below = {policy: 0, plain: 0}
    for seed in range(300):
        scores, wrong = binormal(150, 0.4, 1.0, seed=seed)
        for asked in below:
            threshold = asked.threshold(scores, wrong)
            recall = stats.norm.sf(threshold - 1) if of == "wrong" else stats.norm.cdf(threshold)
            below[asked] += recall < 0.8
    # 10 % at most, of 300: above 47 with probability 0.1 %. Without it, about every other time.
    assert below[policy] <= 47
    assert below[plain] > 80


def test_a_proved_risk_is_the_largest_coverage_that_a_bound_allows() -> None:
    scores, wrong = binormal(3000, 0.2, 2.0, seed=1)
    threshold = MaximumRisk(0.05).threshold(scores, wrong)
    found = confusion(scores, wrong, threshold)
    # Proved at the full level or less, and not far from where the full level would end.
    assert found.interval("risk", 0.9)[1] <= 0.05
    assert found.coverage > 0.6
    stricter = confusion(scores, wrong, MaximumRisk(0.05, 0.999).threshold(scores, wrong))
    assert 0 < stricter.coverage < found.coverage


def test_a_risk_that_all_predictions_meet_refuses_nothing() -> None:
    scores, wrong = binormal(500, 0.02, 1.0, seed=0)
    assert MaximumRisk(0.1).threshold(scores, wrong) == math.inf


def test_risks_that_cannot_be_proved() -> None:
    with pytest.raises(
        DataError, match=r"20 predictions cannot prove a risk of at most 0\.05.*at least 59"
    ):
        MaximumRisk(0.05).threshold(np.arange(20.0), np.zeros(20, bool))
    scores, wrong = binormal(400, 0.5, 0.0, seed=0)
    with pytest.raises(DataError, match=r"no threshold has a risk of at most 0\.01.*better score"):
        MaximumRisk(0.01, 0.9).threshold(scores, wrong)
    bound = min(
        binomial_upper(found.wrong_accepted, found.accepted, 0.9)
        for _, found in outcomes(list(scores), list(wrong))
    )
    with pytest.raises(DataError, match=f"is {bound:.4g}, before the search"):
        MaximumRisk(0.01, 0.9).threshold(scores, wrong)
    with pytest.raises(DataError, match=r"the lowest bound on these 100 predictions.*is 1,"):
        MaximumRisk(0.1).threshold(np.arange(100.0), np.ones(100, bool))


def test_targets_that_the_data_cannot_meet() -> None:
    scores = [1.0, 2.0, 3.0]
    with pytest.raises(DataError, match="of 3 predictions 3 are right and 0 wrong"):
        EqualRecall().threshold(scores, [False] * 3)
    with pytest.raises(DataError, match="none of 3 predictions is wrong"):
        RecallTarget("wrong").threshold(scores, [False] * 3)
    with pytest.raises(DataError, match="none of 3 predictions is right"):
        RecallTarget("right").threshold(scores, [True] * 3)
    with pytest.raises(DataError, match=r"2 wrong predictions cannot prove.*expected at least 59"):
        RecallTarget("wrong", 0.95, confidence=0.95).threshold(scores, [True, True, False])
    for policy in EXAMPLES[:-2]:
        with pytest.raises(DataError, match="not finite"):
            policy.threshold([1.0, math.nan], [True, False])


def test_settings_without_a_meaning() -> None:
    with pytest.raises(DomainError, match="of is 'both'"):
        RecallTarget("both")  # type: ignore[arg-type]
    with pytest.raises(DomainError, match=r"at_least is 95; expected a share"):
        RecallTarget("wrong", 95)
    with pytest.raises(DomainError, match="a recall of 1 cannot be had with a confidence"):
        RecallTarget("wrong", 1, confidence=0.9)
    with pytest.raises(DomainError, match="confidence is 1; expected a number between 0 and 1"):
        MaximumRisk(0.1, 1)
    with pytest.raises(DomainError, match="risk is 0; expected a share between 0 and 1"):
        MaximumRisk(0)
    with pytest.raises(DomainError, match="coverage is 0; expected a share above 0"):
        AcceptShare(0)
    with pytest.raises(DomainError, match="the threshold is NaN"):
        Fixed(math.nan)
    with pytest.raises(DomainError, match="the threshold is NaN"):
        confusion([1.0], [True], math.nan)


@pytest.mark.parametrize("policy", EXAMPLES, ids=repr)
def test_policies_return_from_json(policy: AnyPolicy) -> None:
    text = json.dumps(policy_to_json(policy), allow_nan=False)
    assert policy_from_json(json.loads(text)) == policy
    assert isinstance(policy, Policy)


def test_a_policy_of_ones_own_is_not_kept() -> None:
    class Median:
        name: ClassVar[str] = "median"

        def threshold(self, scores: Any, wrong: Any) -> float:
            return float(np.median(scores))

    assert isinstance(Median(), Policy)
    with pytest.raises(DomainError, match=r"Median is none of the policies.*as Fixed\(threshold\)"):
        policy_to_json(Median())


def test_every_policy_is_in_the_table_and_the_examples() -> None:
    assert {type(policy) for policy in EXAMPLES} == set(POLICIES.values())
    assert all(kind.name == name for name, kind in POLICIES.items())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "an object with a name under 'policy'"),
        ({"policy": 3}, "an object with a name under 'policy'"),
        ({"policy": "equal_recal"}, r"no policy 'equal_recal' \(did you mean 'equal_recall'\?\)"),
        ({"policy": "maximum_risk", "risc": 0.1}, r"no 'risc' \(did you mean 'risk'\?\)"),
        ({"policy": "maximum_risk", "risk": "low"}, "risk of the policy 'maximum_risk' is 'low'"),
        ({"policy": "fixed", "at": True}, "at of the policy 'fixed' is True"),
        ({"policy": "maximum_risk"}, "cannot be made.*missing"),
        ({"policy": "equal_recall", "a": 1}, "it has no settings"),
        ({"policy": "maximum_risk", "risk": 7}, "risk is 7"),
        ({"policy": "fixed", "at": {"$float": "much"}}, "at of the policy 'fixed'"),
    ],
    ids=str,
)
def test_json_that_is_no_policy(data: Any, message: str) -> None:
    with pytest.raises(AffidavitError, match=message) as caught:
        policy_from_json(data)
    assert isinstance(caught.value, RecordError | DomainError)
