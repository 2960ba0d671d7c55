"""The claim kind `accuracy`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import numpy as np
import pytest

from affidavit.contract import Accuracy, Context
from affidavit.data import Dataset
from affidavit.errors import ContractError, DataError
from affidavit.evidence import Grade, IntervalChart, MatrixChart, Table, Verdict
from affidavit.graph import Graph

Answers = Callable[..., Dataset]


@pytest.mark.parametrize(
    ("right", "wrong", "verdict"),
    [(990, 10, Verdict.HOLDS), (800, 200, Verdict.VIOLATED), (95, 5, Verdict.UNDECIDED)],
)
def test_the_three_verdicts(
    identity_model: Graph, answers: Answers, right: int, wrong: int, verdict: Verdict
) -> None:
    claim = Accuracy(id="a", at_least=0.95)
    finding = claim.check(Context(identity_model, answers(right, wrong)))
    assert finding.verdict is verdict
    assert finding.grade is Grade.STATISTICAL
    assert finding.value == right / (right + wrong)
    assert finding.interval is not None
    assert finding.interval[0] < finding.value < finding.interval[1]
    assert finding.evaluations == right + wrong


def test_a_subgroup_can_violate_what_holds_overall(identity_model: Graph, answers: Answers) -> None:
    data = answers(960, 40, sex=["m"] * 900 + ["f"] * 100)
    context = Context(identity_model, data)
    assert Accuracy(id="a", at_least=0.9).check(context).verdict is Verdict.HOLDS
    finding = Accuracy(id="a", at_least=0.9, by=["sex"]).check(context)
    assert finding.verdict is Verdict.VIOLATED
    assert "sex f accuracy is 0.6 (60 of 100)" in finding.reason
    lenient = Accuracy(id="a", at_least=0.9, by=["sex"], group_at_least=0.4).check(context)
    assert lenient.verdict is Verdict.HOLDS


def test_a_class_without_samples_is_undecided(identity_model: Graph, answers: Answers) -> None:
    data = answers(200, 0)
    data = Dataset(
        name="d", inputs=data.inputs[1::2], labels=data.labels[1::2], class_names=("no", "yes")
    )
    finding = Accuracy(id="a", at_least=0.9, by=["class"]).check(Context(identity_model, data))
    assert finding.verdict is Verdict.UNDECIDED
    assert "class no accuracy is unknown: no such inputs" in finding.reason


def test_the_exhibits_and_files_hold_what_was_seen(identity_model: Graph, answers: Answers) -> None:
    data = answers(30, 10)
    finding = Accuracy(id="a", at_least=0.5, by=["class"]).check(Context(identity_model, data))
    kinds = [type(exhibit) for exhibit in finding.exhibits]
    assert kinds == [Table, IntervalChart, MatrixChart, Table]
    matrix = finding.exhibits[2]
    assert isinstance(matrix, MatrixChart)
    assert np.trace(np.array(matrix.counts)) == 30
    assert np.array(matrix.counts).sum() == 40
    rows = list(csv.DictReader(io.StringIO(finding.files["predictions.csv"].content.decode())))
    assert len(rows) == 40
    assert sum(row["right"] == "yes" for row in rows) == 30
    assert all((row["label"] == row["predicted"]) == (row["right"] == "yes") for row in rows)


def test_inputs_shared_between_parts_are_told(identity_model: Graph, answers: Answers) -> None:
    data = answers(20, 0)
    rows = np.r_[np.arange(20), np.arange(3)]
    leaky = Dataset(
        name="leaky",
        inputs=data.inputs[rows],
        labels=data.labels[rows],
        class_names=data.class_names,
        parts={"test": np.arange(20), "train": np.arange(20, 23)},
    )
    finding = Accuracy(id="a", at_least=0.5).check(Context(identity_model, leaky))
    assert "3 inputs of the part 'train' occur in 'test' too" in finding.reason
    clean = Accuracy(id="a", at_least=0.5).check(Context(identity_model, data))
    assert "Caution" not in clean.reason


def test_faults_are_told(identity_model: Graph, answers: Answers) -> None:
    context = Context(identity_model, answers(20, 0, sex=["m"] * 20))
    with pytest.raises(DataError, match="no column 'sexx'"):
        Accuracy(id="a", at_least=0.5, by=["sexx"]).check(context)
    with pytest.raises(ContractError, match="bins for 'age', which is not in `by`"):
        Accuracy(id="a", at_least=0.5, bins={"age": [3.0]})
    with pytest.raises(ContractError, match="expected increasing edges"):
        Accuracy(id="a", at_least=0.5, by=["age"], bins={"age": [3.0, 1.0]})
    with pytest.raises(DataError, match="validation"):
        Accuracy(id="a", at_least=0.5, on="validation").check(context)


def test_the_sentence_says_what_is_claimed() -> None:
    claim = Accuracy(
        id="a", at_least=0.95, by=["class", "sex"], group_at_least=0.9, confidence=0.99
    )
    assert claim.text == (
        "Accuracy on test is at least 0.95, and at least 0.9 in every group by class, sex"
        " (99\N{NO-BREAK SPACE}% confidence)"
    )
    assert claim.parameters() == {
        "at_least": 0.95,
        "confidence": 0.99,
        "on": "test",
        "by": ["class", "sex"],
        "group_at_least": 0.9,
        "bins": {},
    }
