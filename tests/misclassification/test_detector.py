"""The detector: what is fitted on what, thresholds, saving, and what is refused."""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from tests.misclassification.made_up import signals
from torch import Tensor, nn

from affidavit.attribution import Classifier, Preprocessing
from affidavit.errors import AffidavitError, DataError, DomainError, ModelError, RecordError
from affidavit.graph import Graph, load
from affidavit.misclassification.detector import Detector
from affidavit.misclassification.extraction import Extraction
from affidavit.misclassification.heads import Perceptron
from affidavit.misclassification.policies import EqualRecall, Fixed, RecallTarget
from affidavit.misclassification.saving import fingerprint
from affidavit.misclassification.scorers import Joint, Learned, MaxSoftmax, Neighbours
from affidavit.mutation import Mutants, mutants

QUICK = Perceptron((16,), restarts=1, epochs=10, learning_rate=0.02, dropout=0.0)


@functools.cache
def digits() -> tuple[nn.Sequential, Tensor, Tensor]:
    """A small network that gets about four in five of the held-out digits right, and these."""
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    y = torch.tensor(labels)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(48, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        rows = torch.randint(400, (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    return model.eval(), x[400:], y[400:]


@functools.cache
def traced() -> Graph:
    """It as a graph, which takes a while to make."""
    model, x, _ = digits()
    return load(model, x[:1])


@functools.cache
def changed() -> Mutants:
    _, x, y = digits()
    return mutants(
        traced(),
        operator="NAI",
        rate=0.05,
        n=6,
        keep_above=0.8,
        inputs=x[:100],
        labels=y[:100],
        seed=0,
    )


def test_the_paper_s_detector_on_digits(tmp_path: Path) -> None:
    model, x, y = digits()
    assert 0.6 < (model(x).argmax(1) == y).float().mean() < 0.95
    settings = Extraction(graph=traced())
    paper = Joint(head=QUICK, joint_head=QUICK, folds=3)
    detector = Detector(
        model, layers=["5"], mutants=changed(), scorer=paper, settings=settings
    ).fit(x[:500], y[:500])
    given = detector.extract(x[500:900])
    scores, refused = detector.score_signals(given), detector.predict_signals(given)
    assert detector.threshold_ is not None
    np.testing.assert_array_equal(refused, scores >= detector.threshold_)
    assert refused.dtype == np.int64
    wrong = (model(x[500:900]).argmax(1) != y[500:900]).numpy()
    assert roc_auc_score(wrong, scores) > 0.75
    assert abs(refused[wrong].mean() - (1 - refused[~wrong].mean())) < 0.2
    np.testing.assert_allclose(detector.score(x[500:520]), scores[:20], atol=1e-6)
    detector.save(tmp_path / "saved")
    found = Detector.load(tmp_path / "saved", model)
    found.settings = settings
    np.testing.assert_array_equal(found.score_signals(given), scores)
    np.testing.assert_array_equal(found.predict(x[500:520]), detector.predict(x[500:520]))
    assert found.policy == EqualRecall()


def test_features_and_a_head() -> None:
    model, x, y = digits()
    features = ("conductance", "contrast", "softmax", "class")
    detector = Detector(model, features, "logistic", layers=["5"]).fit(x[:900].numpy(), y[:900])
    wrong = (model(x[900:]).argmax(1) != y[900:]).numpy()
    assert roc_auc_score(wrong, detector.score(x[900:])) > 0.8
    assert detector.extract(x[:3]).has == {"logits", "conductance", "runner_up"}
    # The graph is not made twice, but for a model that has changed since.
    known = detector._known
    assert detector.extract(x[:5]) is not None
    assert detector._known is known
    twin = copy.deepcopy(detector)
    assert isinstance(twin.model, nn.Sequential)
    nn.init.zeros_(twin.model[-1].get_parameter("weight"))
    assert (twin.extract(x[:3]).conductance["5"] == 0).all()


@pytest.mark.parametrize("kind", ["graph", "classifier"])
def test_other_kinds_of_models(kind: str, tmp_path: Path) -> None:
    model, x, y = digits()
    given: Any = traced()
    if kind == "classifier":
        given = Classifier(model, Preprocessing((0.0,), (1.0,)))
    plain = Detector(model, scorer="neighbours").fit(x[:300], y[:300])
    detector = Detector(given, scorer="neighbours").fit(x[:300], y[:300])
    np.testing.assert_allclose(detector.score(x[300:350]), plain.score(x[300:350]), atol=1e-5)
    detector.save(tmp_path)
    np.testing.assert_array_equal(
        Detector.load(tmp_path, given).score(x[300:350]), detector.score(x[300:350])
    )


def test_what_is_fitted_on_what() -> None:
    given, labels = signals(100)
    wrong = labels != given.predicted
    model = nn.Linear(2, 2)
    detector = Detector(model, scorer=Neighbours(among="all"), calibration_share=0.3, seed=5)
    detector.fit_signals(given, labels)
    assert detector.scorer_ is not None
    assert detector.scorer_.fitted is not None
    learn, rest = detector._split(wrong)
    assert sorted([*learn, *rest]) == list(range(100))
    assert wrong[rest].sum() == round(0.3 * wrong.sum())
    assert len(rest) == round(0.3 * wrong.sum()) + round(0.3 * (~wrong).sum())
    np.testing.assert_array_equal(detector.scorer_.fitted["labels"], labels[learn])
    alone = Neighbours(among="all").fit(given[learn], labels[learn])
    expected = EqualRecall().threshold(alone.score(given[rest]), wrong[rest])
    assert detector.threshold_ == expected
    np.testing.assert_array_equal(
        detector.predict_signals(given), detector.score_signals(given) >= expected
    )
    # With data for the threshold, all the rest is learned from.
    other, classes = signals(80, seed=1)
    detector.fit_signals(given, labels, (other, classes))
    everything = Neighbours(among="all").fit(given, labels)
    np.testing.assert_array_equal(detector.score_signals(other), everything.score(other))
    assert detector.threshold_ == EqualRecall().threshold(
        everything.score(other), classes != other.predicted
    )
    # What learns nothing leaves everything to the threshold.
    plain = Detector(model, scorer="max_softmax").fit_signals(given, labels)
    assert plain.threshold_ == EqualRecall().threshold(MaxSoftmax().score(given), wrong)


def test_the_scorer_that_was_given_is_left_alone() -> None:
    given, labels = signals(100)
    mine = Learned(("softmax",), "logistic")
    detector = Detector(nn.Linear(2, 2), scorer=mine).fit_signals(given, labels)
    assert mine.fitted is None
    before = detector.score_signals(given)
    twin = clone(detector)
    assert twin.scorer_ is None
    assert twin.get_params()["scorer"] == mine
    twin.set_params(seed=3, policy=Fixed(0.5)).fit_signals(given, labels)
    assert twin.threshold_ == 0.5
    np.testing.assert_array_equal(detector.score_signals(given), before)


def test_the_training_set_needs_other_data_for_the_threshold() -> None:
    given, labels = signals(100)
    detector = Detector(nn.Linear(2, 2), scorer="mlp_logits", fit_on="training")
    with pytest.raises(DomainError, match=r"calibration=\(inputs, labels\)"):
        detector.fit_signals(given, labels)
    detector.set_params(scorer=Learned(("logits",), "lda")).fit_signals(
        given, labels, signals(50, seed=1)
    )
    assert detector.threshold_ is not None


def test_data_that_say_nothing() -> None:
    model, x, y = digits()
    right = model(x).argmax(1) == y
    detector = Detector(model, ("softmax",), "logistic")
    with pytest.raises(DataError, match=r"all \d+ predictions are right"):
        detector.fit(x[right], y[right])
    with pytest.raises(DataError, match="every prediction is wrong"):
        detector.fit(x[~right], y[~right])
    with pytest.raises(DataError, match="there are no inputs"):
        detector.fit(x[:0], y[:0])
    one = torch.cat([right.nonzero()[:20, 0], (~right).nonzero()[:1, 0]])
    with pytest.raises(DataError, match="there is only 1 wrong prediction"):
        detector.fit(x[one], y[one])
    sick = x[:50].clone()
    sick[[4, 7]] = torch.nan
    with pytest.raises(DataError, match="inputs 4, 7 of 50 have values that are NaN"):
        detector.fit(sick, y[:50])
    with pytest.raises(DataError, match=r"labels have the shape \[49\]"):
        detector.fit(x[:50], y[:49])


def test_what_it_refuses() -> None:
    model, x, y = digits()
    with pytest.raises(ModelError, match="7x"):
        Detector(model, ("conductance",), layers=["7x"], settings=Extraction(graph=traced())).fit(
            x[:50], y[:50]
        )
    with pytest.raises(DomainError, match="takes layers="):
        Detector(model, ("conductance",)).fit(x[:50], y[:50])
    with pytest.raises(DomainError, match="takes mutants="):
        Detector(model, layers=["5"]).fit(x[:50], y[:50])
    for wrong, message in (
        ({"features": ("cake",)}, "no features 'cake'"),
        ({"head": "cake"}, "no head 'cake'"),
        ({"scorer": "margni"}, r"did you mean 'margin'"),
        ({"fit_on": "test"}, "fit_on is 'test'"),
        ({"calibration_share": 0.0}, "calibration_share is 0.0"),
    ):
        with pytest.raises(DomainError, match=message):
            Detector(model, **wrong)
    with pytest.raises(DomainError, match=r"no parameter 'heda' \(did you mean 'head'\?\)"):
        Detector(model).set_params(heda="mlp")
    unfitted = Detector(model, scorer="entropy")
    calls: list[Any] = [unfitted.score, unfitted.predict, unfitted.save]
    for call in calls:
        with pytest.raises(DomainError, match="not fitted: call fit"):
            call(x[:2])


def test_a_detector_of_another_model(tmp_path: Path) -> None:
    model, x, y = digits()
    Detector(model, scorer="margin", policy=RecallTarget("wrong", 0.9)).fit(x, y).save(tmp_path)
    assert Detector.load(tmp_path, model).policy == RecallTarget("wrong", 0.9)
    other = nn.Sequential(*list(digits()[0].children()))
    assert fingerprint(other) == fingerprint(model)
    assert fingerprint(traced()) != fingerprint(model)
    with pytest.raises(RecordError, match="holds the detector of another model"):
        Detector.load(tmp_path, nn.Linear(64, 10))


@pytest.mark.parametrize(
    "change",
    [{"threshold": "high"}, {"threshold": float("nan")}, {"settings": {}},
     {"policy": {"policy": "hope"}}, {"layers": 3},
     {"fit_on": "hope"}, {"mutants": True}],
    ids=["threshold", "nan", "settings", "policy", "layers", "fit_on", "mutants"],
)  # fmt: skip
def test_records_that_make_no_sense(change: Any, tmp_path: Path) -> None:
    model, x, y = digits()
    Detector(model, scorer="margin").fit(x[:200], y[:200]).save(tmp_path)
    path = tmp_path / "detector.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RecordError):
        Detector.load(tmp_path, model)


def test_mutants_of_another_detector(tmp_path: Path) -> None:
    _, x, y = digits()
    model, path = traced(), tmp_path / "mutants.npz"
    Detector(model, scorer="label_change_rate", mutants=changed()).fit(x[:200], y[:200]).save(
        tmp_path
    )
    assert Detector.load(tmp_path, model).mutants is not None
    changed()[:3].save(path)
    with pytest.raises(RecordError, match=r"mutants\.npz is not the file that was saved"):
        Detector.load(tmp_path, model)


def test_settings_are_saved(tmp_path: Path) -> None:
    model, (_, x, y) = traced(), digits()
    settings = Extraction(
        baselines=torch.full((1, 1, 8, 8), 0.5), steps=7, method="riemann", batch_size=9, seed=3
    )
    detector = Detector(model, ("conductance",), "lda", ["5"], settings=settings)
    detector.fit(x[:300], y[:300]).save(tmp_path)
    found = Detector.load(tmp_path, model)
    assert found.settings.steps == 7
    assert found.settings.batch_size == 9
    assert found.settings.baselines is not None
    np.testing.assert_array_equal(found.score(x[300:340]), detector.score(x[300:340]))


def test_an_ensemble_is_given_again(tmp_path: Path) -> None:
    model, x, y = digits()
    others = [nn.Sequential(nn.Flatten(), nn.Linear(64, 10)) for _ in range(2)]
    settings = Extraction(ensemble=[model, *others])
    detector = Detector(model, scorer="ensemble", settings=settings).fit(x[:200], y[:200])
    detector.save(tmp_path)
    found = Detector.load(tmp_path, model, ensemble=[model, *others])
    np.testing.assert_array_equal(found.score(x[:50]), detector.score(x[:50]))
    with pytest.raises(AffidavitError, match="ensemble"):
        Detector.load(tmp_path, model).score(x[:50])
