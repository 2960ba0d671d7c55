"""The claim kind `detects_errors`."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.contract.doubts import doubtful, doubts
from torch import nn

from affidavit import statistics
from affidavit.attribution.classifier import Classifier
from affidavit.attribution.classifier import Preprocessing as Steps
from affidavit.contract import Contract, Data, DetectsErrors, Model, Preprocessing, audit
from affidavit.contract.class_scores import class_scores
from affidavit.contract.exploring import run
from affidavit.errors import ContractError, DataError, ModelError, RecordError
from affidavit.evidence import (
    CurveChart,
    Grade,
    HistogramChart,
    IntervalChart,
    MatrixChart,
    Table,
    Verdict,
)
from affidavit.misclassification.detector import Detector
from affidavit.misclassification.fitted_rows import row_hashes


def claim(**keys: Any) -> DetectsErrors:
    return DetectsErrors(id="a", **({"recall": 0.8, "false_alarms": 0.1} | keys))


@pytest.mark.parametrize("head", ["two", "logit", "probability"])
def test_doubts_that_tell_all_are_known_by_the_default_scorer(head: str) -> None:
    subject = doubtful(head=head)
    finding = claim().check(subject)
    scores, wrong = doubts(subject, "test")
    assert (finding.verdict, finding.grade) == (Verdict.HOLDS, Grade.STATISTICAL)
    matrix = finding.exhibits[2]
    assert isinstance(matrix, MatrixChart)
    rows = list(csv.DictReader(io.StringIO(finding.files["predictions.csv"].content.decode())))
    refused = np.array([row["refused"] == "yes" for row in rows])
    np.testing.assert_allclose([float(row["score"]) for row in rows], scores, atol=1e-5)
    np.testing.assert_array_equal([row["right"] == "no" for row in rows], wrong)
    np.testing.assert_array_equal(
        matrix.counts,
        [
            [(refused & wrong).sum(), (~refused & wrong).sum()],
            [(refused & ~wrong).sum(), (~refused & ~wrong).sum()],
        ],
    )
    caught, count = int((refused & wrong).sum()), int(wrong.sum())
    assert finding.value == caught / count
    assert finding.interval == (
        statistics.binomial_lower(caught, count, 0.975),
        statistics.binomial_upper(caught, count, 0.975),
    )
    assert finding.witness is None
    assert finding.evaluations == 800


def test_the_threshold_is_that_of_other_data_and_as_the_policy_says() -> None:
    subject = doubtful(noise=0.1)
    finding = claim(
        policy={"policy": "recall_target", "of": "right", "at_least": 0.9}, population=False
    ).check(subject)
    scores, wrong = doubts(subject, "validation")
    right = np.sort(scores[~wrong])
    # The least threshold that accepts nine of ten right predictions there is the next score.
    last = right[int(np.ceil(0.9 * len(right) - 1e-9)) - 1]
    threshold = scores[scores > last].min()
    scores, wrong = doubts(subject, "test")
    refused = scores >= threshold - 1e-9
    assert finding.value == pytest.approx((refused & wrong).sum() / wrong.sum())
    assert finding.grade is Grade.EXACT
    assert any("chosen by the policy recall_target, of = right" in a for a in finding.assumptions)
    named = claim(policy="equal_recall").check(subject)
    assert any("chosen by the policy equal_recall." in text for text in named.assumptions)


def test_what_cannot_be_told_is_violated_with_a_witness() -> None:
    subject = doubtful(noise=0.5)  # labels at random
    finding = claim().check(subject)
    assert finding.verdict is Verdict.VIOLATED
    seen = finding.witness
    assert seen is not None
    row = int(seen.sentence.split("row ")[1].split(" ")[0])
    np.testing.assert_array_equal(seen.input, subject.part("test").inputs[row])
    np.testing.assert_array_equal(seen.outputs, run(subject, np.array(seen.input)))
    missed = finding.exhibits[-2]
    assert isinstance(missed, Table)
    assert missed.title == "Wrong predictions accepted with the lowest scores"
    assert missed.rows[0][0] == row
    scores, wrong = doubts(subject, "test")
    assert wrong[row]
    assert scores[row] == pytest.approx(scores[wrong].min(), abs=1e-6)
    names = subject.dataset.class_names
    true = names[subject.part("test").labels[row]]
    assert f"decides for {seen.decision}, which is wrong: it is {true};" in seen.sentence
    assert "the scorer max_softmax accepts it, as its score" in seen.sentence


def test_false_alarms_have_a_witness_too() -> None:
    subject = doubtful(noise=0.1)
    finding = claim(policy={"policy": "fixed", "at": 0.0}, false_alarms=0.5).check(subject)
    assert finding.verdict is Verdict.VIOLATED
    assert finding.value == 1.0
    assert finding.witness is not None
    assert "which is right; the scorer max_softmax refuses it" in finding.witness.sentence
    assert "is at least the threshold" in finding.witness.sentence


def test_undecided_says_what_would_decide() -> None:
    finding = claim(samples=40, recall=0.9).check(doubtful())
    assert finding.verdict is Verdict.UNDECIDED
    assert "more inputs with the same shares would decide." in finding.reason
    assert finding.evaluations == 440


@pytest.mark.parametrize(
    "keys",
    [
        {"features": ["softmax", "penultimate"], "head": "logistic"},
        {"features": ["conductance", "class"], "head": "lda", "layers": ["1"]},
        {"scorer": "trust_score"},
        {
            "features": ["label_change_rate", "softmax"],
            "head": "logistic",
            "mutants": {"rate": 0.5, "n": 3, "keep_above": 0.5},
        },
    ],
    ids=["penultimate", "conductance", "trust", "mutants"],
)
def test_detectors_that_learn(keys: dict[str, Any]) -> None:
    asked = claim(false_alarms=0.5, recall=0.5, **keys)
    subject = doubtful(200)
    finding = asked.check(subject)
    assert finding.verdict is Verdict.HOLDS
    assert any("fitted on 200 inputs of the part 'validation'" in a for a in finding.assumptions)
    again = asked.check(subject)
    assert (again.files, again.value) == (finding.files, finding.value)


def test_a_part_of_its_own_for_the_threshold() -> None:
    asked = claim(features=["softmax"], head="logistic", fit_on="train", calibrate_on="validation")
    finding = asked.check(doubtful(200))
    text = " ".join(finding.assumptions)
    assert "fitted on 200 inputs of the part 'train', of which" in text
    assert "threshold was chosen on 200 inputs of the part 'validation', of which" in text
    assert finding.evaluations == 600


def test_exhibits() -> None:
    subject = doubtful(noise=0.1)
    finding = claim(features=["softmax"], head="logistic").check(subject)
    kinds = (Table, IntervalChart, MatrixChart, Table, CurveChart, CurveChart, HistogramChart)
    assert tuple(type(exhibit) for exhibit in finding.exhibits[:7]) == kinds
    _, chart, matrix, measures, roc, risk, histogram = finding.exhibits[:7]
    assert isinstance(chart, IntervalChart)
    assert isinstance(matrix, MatrixChart)
    assert isinstance(measures, Table)
    assert isinstance(roc, CurveChart)
    assert isinstance(risk, CurveChart)
    assert isinstance(histogram, HistogramChart)
    assert [row[0] for row in measures.rows] == ["logistic on softmax", "max_softmax", "entropy"]
    names = [curve.label for curve in roc.curves]
    assert names == ["logistic on softmax", "max_softmax", "entropy", "at the threshold"]
    assert roc.curves[1].x == roc.curves[2].x  # of two classes, the same order
    np.testing.assert_allclose(roc.curves[1].y, roc.curves[2].y)
    counts = np.array(matrix.counts)
    assert roc.curves[-1].y == (counts[0, 0] / counts[0].sum(),)
    assert risk.curves[-1].y == (counts[0, 1] / counts[:, 1].sum(),)
    assert risk.curves[0].y[-1] == pytest.approx(counts[0].sum() / 400)
    assert [sum(group.counts) for group in histogram.groups] == list(counts.sum(1)[::-1])


def test_a_model_that_is_always_sure_has_no_histogram() -> None:
    subject = doubtful(50)
    x = np.tile(np.array([[0.2, 0.9], [0.9, 0.2]], np.float32), (75, 1))
    labels = (np.arange(150) % 3 > 0).astype(np.int64)
    data = dataclasses.replace(subject.dataset, inputs=x, labels=labels)
    finding = claim().check(dataclasses.replace(subject, dataset=data, _parts={}))
    assert not any(isinstance(exhibit, HistogramChart) for exhibit in finding.exhibits)
    assert "Caution: 50 inputs occur in 'validation' too, entry for entry." in finding.reason


def saved(subject: Any, path: Path, part: str = "train") -> np.ndarray[Any, Any]:
    model = class_scores(subject)
    rows = subject.part(part)
    Detector(model, scorer="entropy").fit(torch.tensor(rows.inputs), rows.labels).save(path)
    numbers: np.ndarray[Any, Any] = subject.dataset.parts[part]
    return numbers


def test_a_saved_detector_is_judged_as_it_was_saved(tmp_path: Path) -> None:
    subject = dataclasses.replace(doubtful(), folder=tmp_path)
    numbers = saved(subject, tmp_path / "kept")
    asked = claim(detector="kept", false_alarms=0.2)
    finding = asked.check(subject)
    assert finding.verdict is Verdict.HOLDS
    assert finding.evaluations == 400
    assert asked.text.startswith("The detector kept refuses at least 0.8")
    assert any("It was not fitted on these inputs" in text for text in finding.assumptions)
    hashes = row_hashes(subject.dataset.inputs[numbers])
    np.savez(tmp_path / "kept" / "fitting.npz", numbers=numbers, hashes=hashes)
    told = asked.check(subject)
    assert told.files == finding.files
    assert any("as its folder tells" in text for text in told.assumptions)
    with pytest.raises(DataError, match="kept was fitted on 400 of the 400 inputs of 'train'"):
        claim(detector="kept", on="train").check(subject)
    np.savez(tmp_path / "kept" / "fitting.npz", numbers=numbers)
    with pytest.raises(RecordError, match=r"fitting\.npz does not say which rows"):
        asked.check(subject)


@pytest.mark.parametrize("prepared", [False, True])
def test_a_detector_saved_for_a_module_is_known_again(tmp_path: Path, prepared: bool) -> None:
    subject = doubtful(200)
    module = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        module.weight.copy_((2 if prepared else 4) * torch.eye(2))
    rows = subject.part("train")
    steps = Preprocessing(mean=[0.25], std=[0.5]) if prepared else None
    source = Classifier(module, Steps([0.25] * 2, [0.5] * 2)) if prepared else module
    saved = Detector(source, scorer="entropy").fit(rows.inputs, rows.labels)
    saved.save(tmp_path / "kept")
    asked = claim(detector=str(tmp_path / "kept"), false_alarms=0.3, recall=0.6)
    made = Model(source=module, preprocessing=steps)
    contract = Contract(model=made, data=Data(source=subject.dataset), claim=[asked])
    (statement,) = audit(contract).statements
    assert statement.verdict is Verdict.HOLDS
    test = subject.part("test")
    wrong = doubts(subject, "test")[1]
    assert statement.value == saved.predict(test.inputs)[wrong].mean()
    module.weight.data *= 2
    with pytest.raises(RecordError, match="the detector of another model"):
        audit(contract)


def test_detectors_that_cannot_be_used(tmp_path: Path) -> None:
    subject = dataclasses.replace(doubtful(60), folder=tmp_path)
    with pytest.raises(ContractError, match="detector: there is no folder"):
        claim(detector="kept").check(subject)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordError, match="holds no saved detector"):
        claim(detector="empty").check(subject)
    saved(subject, tmp_path / "kept")
    other = dataclasses.replace(doubtful(60, head="logit"), folder=tmp_path)
    with pytest.raises(RecordError, match="the detector of another model"):
        claim(detector="kept").check(other)


def test_subjects_that_cannot_be_checked() -> None:
    with pytest.raises(ContractError, match=r"fit_on: doubts has no part 'valid'.*'validation'"):
        claim(fit_on="valid").check(doubtful(30))
    with pytest.raises(ModelError, match="no node or module '7'"):
        claim(features=["conductance"], layers=["7"]).check(doubtful(60))
    flawless = doubtful(60)
    labels = (flawless.dataset.inputs[:, 1] > flawless.dataset.inputs[:, 0]).astype(np.int64)
    for keys in ({}, {"features": ["softmax"]}, {"policy": "equal_recall"}):
        with pytest.raises(DataError, match=r"cannot be fitted on the part 'validation'.* 60 "):
            claim(**keys).check(doubtful(60, labels=labels))
    numbers = flawless.dataset.inputs[:, 0].astype(np.float64)
    with pytest.raises(DataError, match="has no classes"):
        claim().check(doubtful(60, labels=numbers, class_names=()))
