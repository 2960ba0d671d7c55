"""Graphs of scikit-learn perceptrons compute what the estimators do."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from affidavit.errors import ModelError
from affidavit.graph import load

RNG = np.random.default_rng(0)
X = RNG.normal(3, 2, (40, 5))
TARGETS = {
    "binary": X[:, 0] > 3,
    "three": np.digitize(X[:, 0], [2, 4]),
    "names": np.array(["no", "yes"])[(X[:, 1] > 3).astype(int)],
}
ACTIVATIONS = ["identity", "relu", "logistic", "tanh"]


def fit(model: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a few steps are enough here
        return model.fit(X, y)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("layers", [(), (4,), (4, 3)], ids=str)
def test_classifiers(activation: str, target: str, layers: tuple[int, ...]) -> None:
    model = MLPClassifier(layers, activation=activation, max_iter=3, random_state=0)
    fit(model, TARGETS[target])
    graph = load(model)
    found = graph(torch.from_numpy(X))
    np.testing.assert_allclose(found, model.predict_proba(X), rtol=1e-10, atol=1e-14)
    assert (model.classes_[found.argmax(1)] == model.predict(X)).all()
    assert graph.parameters[:2] == ("coefs_.0", "intercepts_.0")
    assert graph(torch.from_numpy(X[:0])).shape == (0, len(model.classes_))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("targets", [1, 2])
def test_regressors(activation: str, targets: int) -> None:
    model = MLPRegressor(hidden_layer_sizes=(4,), activation=activation, max_iter=3, random_state=0)
    fit(model, X[:, :targets] if targets > 1 else X[:, 0])
    found = load(model)(torch.from_numpy(X))
    assert found.shape == (40, targets)
    np.testing.assert_allclose(found, model.predict(X).reshape(40, -1), rtol=1e-10)


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("deviation", [True, False])
def test_scalers(mean: bool, deviation: bool) -> None:
    scaler = StandardScaler(with_mean=mean, with_std=deviation)
    model = fit(make_pipeline(scaler, MLPClassifier((4,), max_iter=3)), TARGETS["three"])
    graph = load(model)
    found = graph(torch.from_numpy(X))
    np.testing.assert_allclose(found, model.predict_proba(X), rtol=1e-10)
    assert all("scaler" not in name for name in graph.parameters)


def test_single_precision() -> None:
    model = fit(MLPClassifier((4,), max_iter=3), TARGETS["three"])
    found = load(model)(torch.from_numpy(X).float())
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, model.predict_proba(X), rtol=1e-4)


def _unfitted_scaler() -> Any:
    return make_pipeline(StandardScaler(), fit(MLPClassifier((2,), max_iter=1), TARGETS["three"]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLPClassifier(), "MLPClassifier is not fitted: call its fit first"),
        (_unfitted_scaler, "StandardScaler is not fitted"),
        (lambda: make_pipeline(MinMaxScaler(), MLPClassifier()), "MinMaxScaler then MLPClassifier"),
        (lambda: make_pipeline(StandardScaler()), "StandardScaler: expected an MLPClassifier"),
        (
            lambda: fit(MLPClassifier((2,), max_iter=1), np.eye(3)[TARGETS["three"]][:, :2]),
            "several labels an input",
        ),
        (
            lambda: fit(
                MLPRegressor("poisson", hidden_layer_sizes=(2,), max_iter=1), np.abs(X[:, 0])
            ),
            "ends with an exponential",
        ),
    ],
)
def test_refusals(make: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(make())
