"""The claim kind `selective_accuracy`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.contract.doubts import doubtful, doubts

from affidavit import statistics
from affidavit.contract import SelectiveAccuracy
from affidavit.evidence import Grade, Table, Verdict


def claim(**keys: Any) -> SelectiveAccuracy:
    return SelectiveAccuracy(id="a", **({"at_least": 0.9, "coverage": 0.3} | keys))


@pytest.mark.parametrize("policy", [None, {"policy": "accept_share", "coverage": 0.4}])
def test_accuracy_and_coverage_are_those_of_the_accepted(policy: Any) -> None:
    subject = doubtful(noise=0.02)
    finding = claim(policy=policy).check(subject)
    assert (finding.verdict, finding.grade) == (Verdict.HOLDS, Grade.STATISTICAL)
    table = finding.exhibits[0]
    assert isinstance(table, Table)
    (_, _, right, accepted, *_), (_, _, covered, count, *_) = table.rows
    assert (covered, count) == (accepted, 400)
    assert isinstance(accepted, int)
    assert isinstance(right, int)
    scores, wrong = doubts(subject, "test")
    safest = np.argsort(scores)[:accepted]
    assert right == (~wrong[safest]).sum()
    assert finding.value == right / accepted
    assert finding.interval == (
        statistics.binomial_lower(right, accepted, 0.975),
        statistics.binomial_upper(right, accepted, 0.975),
    )
    if policy is not None:
        # As many as there: a share of the validation part, not of this one.
        validation, _ = doubts(subject, "validation")
        threshold = np.sort(validation)[160]
        assert accepted == (scores < threshold).sum()


def test_too_much_is_violated_with_a_witness() -> None:
    subject = doubtful(noise=0.02)
    finding = claim(policy={"policy": "fixed", "at": 1.0}).check(subject)
    assert finding.verdict is Verdict.VIOLATED  # all accepted: half of them are wrong
    assert finding.witness is not None
    assert "accepts it" in finding.witness.sentence
    none = claim(policy={"policy": "fixed", "at": 0.0}).check(subject)
    assert none.verdict is Verdict.VIOLATED  # nothing accepted
    assert none.value is None
    assert none.interval == (0.0, 1.0)
    assert "There are no accepted predictions among these inputs" in none.reason
    assert none.witness is not None
    assert "refuses it" in none.witness.sentence


def test_without_a_mistake_it_can_be_claimed() -> None:
    subject = doubtful(200)
    labels = (subject.dataset.inputs[:, 1] > subject.dataset.inputs[:, 0]).astype(np.int64)
    finding = claim(coverage=0.9).check(doubtful(200, labels=labels))
    assert finding.verdict is Verdict.HOLDS
    assert finding.value == 1.0


def test_undecided_says_what_would_decide() -> None:
    finding = claim(samples=30).check(doubtful(noise=0.02))
    assert finding.verdict is Verdict.UNDECIDED
    assert "more inputs with the same shares would decide." in finding.reason


def test_these_rows_alone() -> None:
    finding = claim(population=False, samples=50, draw="first").check(doubtful())
    assert finding.grade is Grade.EXACT
    assert finding.value is not None
    assert finding.interval == (finding.value, finding.value)
    assert claim(population=False).text.endswith("for the rows of test")
    assert claim(scorer="entropy").text.startswith("The scorer entropy accepts at least 0.3 of")
