"""`affidavit detect`: what it fits, prints and writes, and what it refuses to do."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner, Result

from affidavit.attribution.two_classes import TwoClasses
from affidavit.cli import app
from affidavit.cli.detect import fit as detect_fit
from affidavit.cli.detect import report as detect_report
from affidavit.cli.detect import score as detect_score
from affidavit.cli.detect.folder import Fitting
from affidavit.cli.detect.scorers import policy_of, scorer_of
from affidavit.cli.detect.setup import Preparation, Subject, model_of
from affidavit.contract import Contract, Data, DetectsErrors, Model, Preprocessing, audit
from affidavit.data import Dataset, Split, load
from affidavit.errors import DomainError
from affidavit.misclassification import (
    POLICIES,
    EqualRecall,
    Fixed,
    MaximumRisk,
    Policy,
    RecallTarget,
    cascade_at,
    compare,
    confusion,
)
from affidavit.misclassification.detector import Detector
from affidavit.misclassification.extraction import extract
from affidavit.misclassification.features import BLOCKS
from affidavit.misclassification.fitted_rows import FittedRows, row_hashes
from affidavit.misclassification.heads import HEADS
from affidavit.misclassification.scorers import SCORERS, Joint, Learned, Neighbours, scorer
from affidavit.mutation import mutated

NETWORK = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self, channels=4):
        super().__init__()
        self.conv = nn.Conv2d(1, channels, 3, padding=1)
        self.relu = nn.ReLU()
        self.pool = nn.AvgPool2d(2)
        self.fc = nn.Linear(channels * 16, 10)
    def forward(self, x):
        return self.fc(self.pool(self.relu(self.conv(x))).flatten(1))
def net(): return Net()
def large(): return Net(8)
def constant(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 10, bias=False))
def undefined(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Hardtanh(float("nan")))
def probability(): return nn.Sequential(nn.Linear(30, 6), nn.ReLU(), nn.Linear(6, 1), nn.Sigmoid())
"""

SHARES = "train=0.4,validation=0.3,test=0.3"
SPLIT = Split(train=0.4, validation=0.3, test=0.3)
FROM = ("--data", "sklearn:digits", "--split", SHARES)
NET = ("network.py:net", "--weights", "net.safetensors")
QUICK = ("--mutants", 4, "--samples", 20)


def made(name: str) -> Any:
    namespace: dict[str, Any] = {}
    exec(NETWORK, namespace)
    return namespace[name]()


def trained(name: str, steps: int) -> nn.Module:
    """One of the networks, right about most of the digits."""
    part = load("sklearn:digits", split=SPLIT).part("train")
    x, y = torch.tensor(part.inputs), torch.tensor(part.labels)
    torch.manual_seed(0)
    model: nn.Module = made(name)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["detect", *map(str, arguments)])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The networks and their weights."""
    place = tmp_path_factory.mktemp("models")
    (place / "network.py").write_text(NETWORK)
    for name, steps in (("net", 25), ("large", 60)):
        save_file(trained(name, steps).state_dict(), place / f"{name}.safetensors")
    onnx_file(place / "digits.onnx")
    return place


@pytest.fixture(scope="module")
def saved(models: Path) -> Path:
    """A detector on softmax and class, with two baselines, on the validation part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(models)
        result = run(
            "fit", *NET, *FROM, "--feature", "softmax", "--feature", "class", "--head", "logistic",
            "--against", "entropy", "--against", "temperature_scaled", "--samples", 50, "--out",
            "detector",
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    return models / "detector"


@pytest.fixture
def folder(models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(models)
    return models


def onnx_file(path: Path) -> None:
    """A linear classifier of digits, each class by its mean image."""
    from onnx import TensorProto, helper, numpy_helper, save

    part = load("sklearn:digits", split=SPLIT).part("train")
    flat = part.inputs.reshape(len(part), -1)
    means = np.stack([flat[part.labels == number].mean(0) for number in range(10)])
    tensors = [
        numpy_helper.from_array(means, "w"),
        numpy_helper.from_array((-(means**2).sum(1) / 2).astype(np.float32), "b"),
    ]
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["y"], transB=1),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, "net", [x], [y], tensors)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


def single_onnx_file(module: Any, path: Path) -> None:
    """The network of a single probability as an ONNX file."""
    from onnx import TensorProto, helper, numpy_helper, save

    tensors = [
        numpy_helper.from_array(value.numpy(), name) for name, value in module.state_dict().items()
    ]
    nodes = [
        helper.make_node("Gemm", ["x", "0.weight", "0.bias"], ["a"], transB=1),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Gemm", ["r", "2.weight", "2.bias"], ["z"], transB=1),
        helper.make_node("Sigmoid", ["z"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 30])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1])
    graph = helper.make_graph(nodes, "net", [x], [y], tensors)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


def digits(part: str) -> Dataset:
    return load("sklearn:digits", split=SPLIT).part(part)


def network(name: str = "net") -> Any:
    from affidavit.graph import load_weights

    model = made(name)
    load_weights(model, Path(f"{name}.safetensors"))
    return model


def test_fit_is_the_detector_of_the_package(folder: Path, saved: Path) -> None:
    fitting = Fitting.load(saved)
    assert fitting.against == ("entropy", "temperature_scaled")
    whole = load("sklearn:digits", split=SPLIT)
    # A contract reads the same rows as the command line.
    for rows in (fitting.rows, FittedRows.load(saved)):
        assert rows is not None
        assert sorted(rows.numbers) == sorted(whole.parts["validation"])
        np.testing.assert_array_equal(rows.hashes, row_hashes(whole.inputs[rows.numbers]))
    facts = fitting.facts
    assert facts["in_words"][1].startswith("It learned from ")
    model, part = network(), whole.part("validation")
    wrong = model(torch.tensor(part.inputs)).argmax(1).numpy() != part.labels
    assert facts["learned_wrong"] + facts["calibration_wrong"] == wrong.sum()
    # Wrong predictions are shared out alike.
    assert abs(facts["learned_wrong"] - facts["calibration_wrong"]) <= 1
    assert facts["learned_right"] + facts["calibration_right"] == (~wrong).sum()
    detector = Detector.load(saved, model)
    found = detector.scorer_
    assert isinstance(found, Learned)
    assert (found.features, found.head) == (("softmax", "class"), "logistic")
    # It is what the same detector in Python becomes, and the baselines are fitted on those rows.
    for one, place in (
        (Detector(model, ("softmax", "class"), "logistic"), saved),
        (Detector(model, scorer="temperature_scaled"), saved / "against" / "temperature_scaled"),
    ):
        one.fit(part.inputs, part.labels)
        same = Detector.load(place, model)
        assert same.threshold_ == pytest.approx(one.threshold_, rel=1e-6)
        np.testing.assert_allclose(same.score(part.inputs), one.score(part.inputs), rtol=1e-6)


def test_conductance_and_mutants(folder: Path) -> None:
    result = run(
        "fit", *NET, *FROM, "--layer", "conv", "--head", "logistic", "--against", "none",
        "--mutants", 4, "--operator", "GF", "--rate", "0.5", "--keep-above", "0.5", "--samples", 20,
        "--rows", "0..199", "--out", "both", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    model, part = network(), digits("validation")
    detector = Detector.load("both", model)
    assert isinstance(detector.scorer_, Learned)
    assert detector.scorer_.features == ("conductance", "label_change_rate")
    assert detector.layers == ("conv",)
    assert detector.mutants is not None
    assert (len(detector.mutants), detector.mutants.operator) == (4, "GF")
    facts = json.loads(result.stdout)
    assert (facts["mutants"]["units_mutated"], facts["mutants"]["units_in_all"]) == (2, 4)
    # Mutants keep their accuracy on the very rows that were fitted on.
    x, y = torch.tensor(part.inputs[:200]), torch.tensor(part.labels[:200])
    for mutant in detector.mutants:
        with mutated(model, mutant):
            assert float((model(x).argmax(1) == y).double().mean()) == mutant.accuracy
    own = Detector(model, head="logistic", layers=["conv"], mutants=detector.mutants)
    own.fit(x, part.labels[:200])
    assert detector.threshold_ == pytest.approx(own.threshold_, rel=1e-5)


def test_thresholds_come_from_the_rows_that_were_left_for_them(folder: Path) -> None:
    result = run(
        "fit", *NET, *FROM, "--scorer", "entropy", "--against", "none", "--policy",
        "recall_target:wrong=0.8", "--out", "alone", "--json", "--samples", 20,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    part = digits("validation")
    signals = extract(network(), part.inputs)
    scores, wrong = scorer("entropy").score(signals), signals.predicted != part.labels
    threshold = RecallTarget("wrong", 0.8).threshold(scores, wrong)
    # It learns nothing, so that all rows are there for the threshold.
    counts = found["at_threshold_on_calibration_rows"]["detector"]
    assert counts["threshold"] == pytest.approx(threshold)
    expected = confusion(scores, wrong, threshold)
    assert counts["wrong_refused"] == expected.wrong_refused
    assert counts["right_accepted"] == expected.right_accepted
    assert counts["wrong_recall"]["interval"] == pytest.approx(expected.interval("wrong_recall"))
    assert found["metrics_on_calibration_rows"][0]["metric"] == "auroc"
    assert found["calibration_wrong"] == wrong.sum()
    assert found["in_words"][1].startswith("It learns nothing; its threshold was chosen on ")


def test_score_is_the_detector_on_the_rows(folder: Path, saved: Path) -> None:
    part, detector = digits("test"), Detector.load(saved, network())
    x = part.inputs[3:40]
    scores, refused = detector.score(x), detector.predict(x)
    predicted = network()(torch.tensor(x)).argmax(1).numpy()
    call = ("score", saved, *NET, *FROM, "--rows", "3..39")
    found = json.loads(run(*call, "--json").stdout)
    assert found["part"] == "test"
    assert found["threshold"] == detector.threshold_
    assert [row["row"] for row in found["rows"]] == list(range(3, 40))
    np.testing.assert_allclose([row["score"] for row in found["rows"]], scores, rtol=1e-5)
    assert [row["refused"] for row in found["rows"]] == [bool(one) for one in refused]
    assert [row["prediction"] for row in found["rows"]] == [str(one) for one in predicted]
    rows = list(csv.DictReader(io.StringIO(run(*call, "--csv").stdout)))
    assert [row["score"] for row in rows] == [repr(row["score"]) for row in found["rows"]]
    shown = run(*call)
    assert shown.exit_code == 0, shown.output
    assert f"{refused.sum()} of 37 rows of test are refused" in shown.output
    assert "The first 20 of 37 rows." in shown.output


def test_report_is_what_the_package_measures(folder: Path, saved: Path) -> None:
    result = run(
        "report", saved, *NET, *FROM, "--second", "network.py:large", "--second-weights",
        "large.safetensors", "--second-cost", 7, "--samples", 60, "--confidence", 0.9, "--seed", 3,
        "--against", "entropy", "--against", "temperature_scaled", "--against", "doctor", "--json",
        "--out", "report",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert json.loads((folder / "report" / "table.json").read_text()) == found
    part, model = digits("test"), network()
    inputs = torch.tensor(part.inputs)
    wrong = model(inputs).argmax(1).numpy() != part.labels
    assert (found["predictions"], found["wrong"]) == (len(part), wrong.sum())
    detector = Detector.load(saved, model)
    scores = {
        "detector": detector.score(inputs),
        "entropy": scorer("entropy").score(extract(model, inputs)),
        "temperature_scaled": Detector.load(
            saved / "against" / "temperature_scaled", model
        ).score(inputs),
        "doctor": scorer("doctor").score(extract(model, inputs)),
    }  # fmt: skip
    drawn = {"confidence": 0.9, "samples": 60, "seed": 3}
    expected = compare(scores, wrong, against="detector", **drawn)  # type: ignore[arg-type]
    for row, same in zip(found["metrics"], expected.rows(), strict=True):
        assert (row["method"], row["metric"]) == (same["method"], same["metric"])
        for key in ("value", "lower", "upper", "difference", "difference_lower"):
            assert row.get(key) == pytest.approx(same.get(key), abs=1e-6)
    assert found["verdicts"] == [of["auroc"].verdict for of in expected.differences.values()]
    assert detector.threshold_ is not None
    counts = confusion(scores["detector"], wrong, detector.threshold_)
    assert found["at_threshold"]["detector"]["wrong_refused"] == counts.wrong_refused
    assert found["at_threshold"]["detector"]["risk"]["value"] == pytest.approx(counts.risk)
    # A scorer that was not fitted along has no threshold, and all the rest.
    assert set(found["at_threshold"]) == {"detector", "entropy", "temperature_scaled"}
    second = network("large")(inputs).argmax(1).numpy() == part.labels
    point = cascade_at(
        scores["detector"], wrong, second, detector.threshold_, second_cost=7, **drawn,  # type: ignore[arg-type]
    )  # fmt: skip
    assert found["cascade"]["second"] == "network.py:large"
    shown = found["cascade"]["at_threshold"]["detector"]
    assert shown["accuracy"]["value"] == pytest.approx(point.accuracy.value)
    assert shown["gain"]["lower"] == pytest.approx(point.gain.lower)
    assert shown["cost"]["value"] == pytest.approx(point.cost.value)
    with (folder / "report" / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["wrong"] == "True" for row in rows] == list(wrong)
    np.testing.assert_allclose([float(r["score_doctor"]) for r in rows], scores["doctor"], 1e-4)
    names = {path.name for path in (folder / "report").iterdir()}
    drawn_files = ("roc", "risk-coverage", "scores", "confusion", "cascade")
    figures = {f"{name}.{ending}" for name in drawn_files for ending in ("png", "svg")}
    assert names == {"table.json", "table.csv", "rows.csv", "cascade.csv", *figures}
    with (folder / "report" / "cascade.csv").open() as file:
        last = [row for row in csv.DictReader(file) if row["method"] == "doctor"][-1]
    assert float(last["accuracy"]) == pytest.approx(second.mean())
    assert float(last["cost"]) == 8


def test_specialists(folder: Path, saved: Path) -> None:
    call = ("report", saved, *NET, *FROM, "--against", "none", "--samples", 20)
    found = json.loads(run(*call, "--specialist-accuracy", 1, "--json").stdout)
    counts = found["at_threshold"]["detector"]
    right = counts["right_accepted"] + counts["right_refused"] + counts["wrong_refused"]
    accuracy = found["cascade"]["at_threshold"]["detector"]["accuracy"]["value"]
    assert accuracy == pytest.approx(right / found["predictions"])
    assert found["verdicts"] == []
    shown = run(*call, "--specialist-accuracy", 0.9)
    assert shown.exit_code == 0, shown.output
    assert "people who are right in 90 % of all cases" in shown.output
    assert run(*call, "--quiet").output == ""


def test_rows_that_were_fitted_on_are_no_evidence(folder: Path, saved: Path) -> None:
    call = ("report", saved, *NET, "--data", "sklearn:digits", "--against", "none", "--samples",
            20, "--json")  # fmt: skip
    # Without a split, the test part holds all rows, those of the validation part among them.
    fitted = len(digits("validation"))
    refused = run(*call)
    assert refused.exit_code == 3
    assert f"{fitted} of 1,797 rows of test are rows that it was fitted on" in refused.stderr
    assert "--overlap drop" in refused.stderr
    dropped = json.loads(run(*call, "--overlap", "drop").stdout)
    assert dropped["predictions"] == 1797 - fitted
    assert dropped["overlap"]["rows_fitted_on"] == 0
    assert "were left out" in dropped["warnings"][0]
    kept = json.loads(run(*call, "--overlap", "keep").stdout)
    assert kept["overlap"] == {
        "rows_fitted_on": fitted, "further_rows_alike": 0, "same_data": True,
    }  # fmt: skip
    assert "all numbers flatter the detector" in kept["warnings"][0]
    shown = run(*call[:-1], "--overlap", "keep")
    assert "WARNING: 539 of 1,797 rows" in shown.output
    nothing = run("report", saved, *NET, *FROM, "--part", "validation", "--overlap", "drop")
    assert nothing.exit_code == 3
    assert "there are no others to report on" in nothing.stderr
    untouched = run("report", saved, *NET, *FROM, "--samples", 20, "--json", "--against", "none")
    assert json.loads(untouched.stdout)["warnings"] == []


def test_copies_in_other_data_are_told_by_their_content(folder: Path, saved: Path) -> None:
    test, validation = digits("test"), digits("validation")
    call = ("report", saved, *NET, "--against", "none", "--samples", 20, "--json", "--data")
    inputs = np.concatenate([test.inputs, validation.inputs[:5]])
    labels = np.concatenate([test.labels, validation.labels[:5]])
    np.savez(folder / "other.npz", inputs=inputs, labels=labels)
    refused = run(*call, "other.npz")
    assert refused.exit_code == 3
    assert "5 of 544 rows" in refused.stderr
    dropped = json.loads(run(*call, "other.npz", "--overlap", "drop").stdout)
    assert (dropped["predictions"], dropped["overlap"]["same_data"]) == (539, False)
    assert any("These are other data" in warning for warning in dropped["warnings"])
    # Rows of the same data that only look alike are others, and it is said.
    whole = load("sklearn:digits", split=SPLIT)
    fitting = Fitting.load(saved)
    of = whole.parts["test"]
    twins = whole.inputs.copy()
    twins[of[:3]] = twins[fitting.rows.numbers[:3]]
    changed = Dataset("twins", twins, whole.labels, whole.class_names, parts=dict(whole.parts))
    chosen = _rows(changed, of)
    seen = fitting.overlap(changed, chosen)
    assert (int(seen.fitted.sum()), seen.alike, seen.same_data) == (0, 3, True)


def _rows(dataset: Dataset, numbers: NDArray[np.int64]) -> Any:
    from affidavit.cli.detect.setup import Chosen

    inputs = torch.tensor(dataset.inputs[numbers])
    return Chosen(
        "test",
        np.arange(len(numbers)),
        numbers,
        inputs,
        np.array(dataset.labels[numbers], np.int64),
    )


def test_the_papers_way_on_training_data(folder: Path) -> None:
    call = (
        "fit", *NET, *FROM, "--feature", "softmax", "--head", "lda", "--against", "none", "--part",
        "train", "--samples", 20, "--json", "--out", "trained",
    )  # fmt: skip
    result = run(*call, "--calibrate-on", "validation")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["learned_right"] + found["learned_wrong"] == 719
    assert found["calibration_right"] + found["calibration_wrong"] == 539
    # What thresholds were chosen on is no evidence either.
    refused = run("report", "trained", *NET, *FROM, "--part", "validation")
    assert "539 of 539 rows" in refused.stderr
    assert "give --calibrate-on validation" in run(*call).stderr
    assert "the part that is fitted on" in run(*call, "--calibrate-on", "train").stderr


def test_a_folder_that_held_another_detector(folder: Path, saved: Path) -> None:
    shutil.copytree(saved, folder / "twice")
    result = run("fit", *NET, *FROM, "--scorer", "neighbours", "--option", "k=3", "--against",
                 "margin", "--samples", 20, "--out", "twice")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert Detector.load("twice", network()).scorer == Neighbours(k=3)
    found = json.loads(
        run("report", "twice", *NET, *FROM, "--samples", 20, "--json").stdout
    )  # fmt: skip
    # Not the baselines of the detector that was there before.
    assert list(found["at_threshold"]) == ["detector", "margin"]
    (folder / "twice" / "detector.json").write_bytes((saved / "detector.json").read_bytes())
    broken = run("score", "twice", *NET, *FROM)
    assert broken.exit_code == 3
    assert "is not the file that fitting.json was kept for" in broken.stderr


def test_a_baseline_that_misses_the_target_refuses_nothing(folder: Path) -> None:
    result = run("fit", *NET, *FROM, "--scorer", "margin", "--policy", "maximum_risk:0.12",
                 "--against", "energy", "--samples", 20, "--json", "--out", "risk")  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    counts = found["at_threshold_on_calibration_rows"]
    assert counts["detector"]["right_accepted"] > 0
    assert counts["energy"]["threshold"] == {"$float": "inf"}
    assert found["notes"][0].startswith("energy refuses nothing: no threshold has a risk")
    refused = run("fit", *NET, *FROM, "--scorer", "energy", "--policy", "maximum_risk:0.001",
                  "--out", "risk")  # fmt: skip
    assert refused.exit_code == 3
    assert "a risk of at most 0.001" in refused.stderr


def test_models_of_one_output(folder: Path) -> None:
    """A file's single probability becomes the scores that its module gets; a table its means."""
    module = made("probability")
    x = load("sklearn:breast_cancer").inputs
    single_onnx_file(module, folder / "one.onnx")
    dataset = load("sklearn:breast_cancer")
    means = ",".join(map(str, x.mean(0)))
    prepared = Preparation.of(means, ",".join(map(str, x.std(0))), "probability", dataset)
    subject = Subject("one.onnx", None, "sklearn:breast_cancer", None, None, None, 0, "cpu")
    found = extract(model_of(subject, prepared, dataset), x[:40])
    z = torch.tensor((x[:40] - x.mean(0)) / x.std(0))
    expected = TwoClasses(module, True)(z).detach().numpy()
    np.testing.assert_allclose(found.logits, expected, atol=1e-4)
    result = run(
        "fit", "one.onnx", "--data", "sklearn:breast_cancer", "--rows", "0..299", "--part", "test",
        "--output", "probability", "--mean", means, "--std", "20", "--scorer", "margin",
        "--against", "none", "--samples", 20, "--out", "single",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    # What is done before and after the model is kept with the detector.
    report = run("score", "single", "one.onnx", "--data", "sklearn:breast_cancer", "--json")
    assert report.exit_code == 0, report.output
    detector = Detector.load("single", model_of(subject, Fitting.load(Path("single")).preparation,
                                                dataset))  # fmt: skip
    scores = [row["score"] for row in json.loads(report.stdout)["rows"]]
    np.testing.assert_allclose(scores, detector.score(x), rtol=1e-5)


@pytest.mark.parametrize("prepared", [False, True], ids=["bare", "prepared"])
def test_a_contract_takes_a_detector_of_a_single_output(folder: Path, prepared: bool) -> None:
    torch.manual_seed(3)
    single_onnx_file(made("probability"), folder / "kept.onnx")
    whole = load("sklearn:breast_cancer", split=SPLIT)
    means = [float(m) for m in whole.inputs.mean(0)] if prepared else None
    steps: tuple[object, ...] = ("--mean", ",".join(map(str, means)), "--std", 20) if means else ()
    result = run(
        "fit", "kept.onnx", "--data", "sklearn:breast_cancer", "--split", SHARES, "--output",
        "probability", *steps, "--feature", "penultimate", "--head", "logistic", "--against",
        "none", "--samples", 20, "--out", f"kept-{prepared}",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    asked = DetectsErrors(id="a", detector=f"kept-{prepared}", recall=0.1, false_alarms=0.9)
    model = Model(
        source="kept.onnx",
        preprocessing=Preprocessing(mean=means, std=[20.0]) if means else None,
    )
    data = Data(source="sklearn:breast_cancer", split=SPLIT)
    (statement,) = audit(Contract(model=model, data=data, claim=[asked], folder=folder)).statements
    # It was fitted on what the last layer of the file takes, not on the logit alone.
    subject = Subject("kept.onnx", None, "sklearn:breast_cancer", SHARES, None, None, 0, "cpu")
    fitting = Fitting.load(Path(f"kept-{prepared}"))
    detector = Detector.load(f"kept-{prepared}", model_of(subject, fitting.preparation, whole))
    test = whole.part("test")
    signals = detector.extract(test.inputs)
    assert signals.penultimate is not None
    assert signals.penultimate.shape == (len(test), 6)
    refused = detector.score_signals(signals) >= (detector.threshold_ or 0)
    wrong = signals.predicted != test.labels
    assert statement.value in (refused[wrong].mean(), refused[~wrong].mean())


POLICY: list[tuple[str, Policy]] = [
    ("equal_recall", EqualRecall()),
    ("recall_target:wrong=0.9", RecallTarget("wrong", 0.9)),
    ("recall_target:right=0.8, confidence=0.95", RecallTarget("right", 0.8, 0.95)),
    ("maximum_risk:0.05", MaximumRisk(0.05)),
    ("maximum_risk:risk=0.05,confidence=0.9", MaximumRisk(0.05, 0.9)),
    ("fixed:inf", Fixed(np.inf)),
]


@pytest.mark.parametrize(("text", "policy"), POLICY, ids=[text for text, _ in POLICY])
def test_policies_as_text(text: str, policy: Policy) -> None:
    assert policy_of(text) == policy


def test_scorers_as_options() -> None:
    given = scorer_of("joint", ["conductance"], "forest", ["a", "b"], ["folds=3"], seed=4)
    assert given == Joint(
        features=("conductance",), head="forest", folds=3, layers=("a", "b"), seed=4
    )
    assert scorer_of(None, [], None, ["a"], [], 0) == Learned(
        ("conductance", "label_change_rate"), layers=("a",)
    )
    with pytest.raises(DomainError, match="--head: the scorer entropy takes none"):
        scorer_of("entropy", [], "mlp", [], [], 0)


def test_the_help_names_all_that_there_is() -> None:
    text = Path(detect_fit.__file__).read_text()
    for name in (*BLOCKS, *HEADS, *POLICIES, *(set(SCORERS) - {"ensemble", "learned"})):
        assert name in text, name


BAD: list[tuple[tuple[object, ...], str]] = [
    (("fit", *NET, "--data", "sklearn:digits"), "no part 'validation' to fit on (they have test)"),
    (("fit", *NET, *FROM), "give --layer NAME, repeated for several, of conv, relu, pool, fc"),
    (("fit", *NET, *FROM, "--layer", "cnov"), "did you mean 'conv'"),
    (("fit", *NET, *FROM, "--feature", "softmx"), "did you mean 'softmax'"),
    (("fit", *NET, *FROM, "--head", "florest"), "did you mean 'forest'"),
    (("fit", *NET, *FROM, "--scorer", "entorpy"), "did you mean 'entropy'"),
    (("fit", *NET, *FROM, "--scorer", "ensemble"), "use Detector from Python"),
    (("fit", *NET, *FROM, "--scorer", "entropy", "--option", "k=5"), "entropy has no 'k'"),
    (("fit", *NET, *FROM, "--scorer", "neighbours", "--option", "k"), "expected NAME=VALUE"),
    (("fit", *NET, *FROM, "--scorer", "neighbours", "--option", "k=0"), "k is 0"),
    (("fit", *NET, *FROM, "--scorer", "entropy", "--against", "marginn"), "did you mean 'margin'"),
    (("fit", *NET, *FROM, "--policy", "equal_recal"), "did you mean 'equal_recall'"),
    (("fit", *NET, *FROM, "--policy", "maximum_risk:much"), "'much' is no number"),
    (("fit", *NET, *FROM, "--policy", "maximum_risk"), "cannot be made"),
    (("fit", *NET, *FROM, "--policy", "fixed:0.5,confidence=1"), "has no 'confidence'"),
    (("fit", *NET, *FROM, "--policy", "recall_target:wrong=2"), "at_least is 2.0"),
    (("fit", *NET, *FROM, "--calibration-share", "1"), "--calibration-share 1.0"),
    (("fit", *NET, *FROM, "--scorer", "label_change_rate", "--rate", "0"), "the rate is 0.0"),
    (("fit", *NET, *FROM, "--scorer", "mc_dropout"), "dropout"),
    (("fit", *NET, *FROM, "--scorer", "margin", "--part", "tset"), "did you mean 'test'"),
    (("fit", *NET, *FROM, "--scorer", "margin", "--rows", "600..601"), "there is no row 601"),
    (("fit", *NET, *FROM, "--scorer", "margin", "--mean", "1,2"), "the inputs have 1 channel"),
    (("fit", *NET, *FROM, "--scorer", "margin", "--std", "0"), "every std above 0"),
    (("fit", *NET, *FROM, "--scorer", "margin", "--output", "logits"), "did you mean 'logit'"),
    (("fit", *NET, *FROM, "--scorer", "margin", "--device", "tpu9"), "cannot be used"),
    (("fit", *NET, *FROM, "--scorer", "margin", "--size", "x"), "--size 'x'"),
    (("fit", *NET, "--data", "sklearn:wine", "--part", "test", "--scorer", "margin"),
     "cannot take the data's inputs, of shape [13]"),
    (("fit", *NET, "--data", "sklearn:diabetes", "--scorer", "margin"), "numbers to predict"),
    (("fit", "network.py:undefined", *FROM, "--scorer", "margin"), "NaN"),
    (("fit", *NET, "--data", "mnsit", "--scorer", "margin"), "did you mean 'mnist'"),
    (("fit", *NET, *FROM, "--scorer", "margin", "--rows", "0..1"), "2 predictions are right"),
    (("score", "nowhere", *NET, *FROM), "was not written by `affidavit detect fit`"),
    (("score", "detector", "network.py:large", *FROM), "holds the detector of another model"),
    (("score", "detector", *NET, *FROM, "--csv", "--json"), "expected one of them"),
    (("report", "detector", *NET, *FROM, "--against", "mlp_logits"),
     "give --against mlp_logits to `affidavit detect fit`"),
    (("report", "detector", *NET, *FROM, "--against", "entorpy"), "did you mean 'entropy'"),
    (("report", "detector", *NET, *FROM, "--overlap", "allow"), "expected refuse or drop or keep"),
    (("report", "detector", *NET, *FROM, "--confidence", "1"), "confidence is 1.0"),
    (("report", "detector", *NET, *FROM, "--specialist-accuracy", "98"), "between 0 and 1"),
    (("report", "detector", *NET, *FROM, "--second-cost", "-1"), "--second-cost -1.0"),
    (("report", "detector", *NET, *FROM, "--second", "network.py:large", "--specialist-accuracy",
      "1"), "expected one of them"),
    (("report", "detector", *NET, *FROM, "--second-weights", "a"), "they belong to --second"),
    (("report", "detector", *NET, *FROM, "--out", "network.py"), "cannot be written to"),
    (("report", "detector", *NET, *FROM, "--rows", "0..0"), "needs at least one of each"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    BAD,
    ids=[" ".join(str(word) for word in call if word not in (*NET, *FROM)) for call, _ in BAD],
)
def test_what_cannot_be_done_ends_with_3_and_one_message(
    folder: Path, saved: Path, arguments: tuple[object, ...], message: str
) -> None:
    result = run(*arguments, *(("--out", "bad") if arguments[0] == "fit" else ()))
    assert result.exit_code == 3, result.output
    assert message in result.stderr
    assert result.stderr.startswith("affidavit: ")
    assert "unforeseen" not in result.stderr


def test_a_wrong_call_ends_with_3(folder: Path) -> None:
    assert run("fit", *NET).exit_code == 3
    assert run("fitt").exit_code == 3


def test_a_detector_that_python_saved_is_used_from_python(folder: Path, saved: Path) -> None:
    Detector.load(saved, network()).save("by-hand")
    result = run("report", "by-hand", *NET, *FROM)
    assert result.exit_code == 3
    assert "saved from Python does not say what it was fitted on" in result.stderr


def test_an_interrupt_writes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("affidavit.cli.detect.fitting.compare", interrupted)
    result = run("fit", *NET, *FROM, "--scorer", "margin", "--out", "stopped")
    assert result.exit_code == 3
    assert result.stderr == "affidavit: interrupted; nothing was written\n"
    assert list((folder / "stopped").iterdir()) == []


def examples(text: str) -> list[str]:
    found = re.findall(r"^(affidavit detect .*?)\n\n", text, re.DOTALL | re.MULTILINE)
    return [one.replace("\n", " ") for one in found]


def test_examples_of_the_help_run(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in models.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    first, *others = examples(detect_fit.EXAMPLES)
    assert len(others) == 2
    reports = [*examples(detect_score.EXAMPLES), *examples(detect_report.EXAMPLES)]
    assert len(reports) == 4
    # Cheap heads and features and few mutants: what is shown is that the words are understood.
    for example in (first, *others, *reports):
        arguments: list[object] = list(shlex.split(example)[2:])
        if arguments[0] == "fit":
            arguments += QUICK if "--against" in arguments else (*QUICK, "--against", "entropy")
        if example == first:
            arguments += ("--head", "logistic", "--feature", "softmax")
        if arguments[0] == "report":
            arguments += ("--samples", 20)
        result = run(*arguments)
        assert result.exit_code == 0, (example, result.output)
    facts = Fitting.load(Path("out/digits")).facts
    assert (facts["mutants"]["n"], facts["mutants"]["units_in_all"]) == (4, 10)
