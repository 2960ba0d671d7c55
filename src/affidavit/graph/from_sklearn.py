"""Graphs from fitted scikit-learn multi-layer perceptrons."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from affidavit.errors import ModelError, nearest
from affidavit.graph import ops
from affidavit.graph.builder import GraphBuilder
from affidavit.graph.graph import Graph

_HIDDEN: dict[str, ops.Op | None] = {
    "identity": None,
    "relu": ops.Relu(),
    "logistic": ops.Sigmoid(),
    "tanh": ops.Tanh(),
}


def is_sklearn(model: Any) -> bool:
    """Whether this is a scikit-learn estimator. Does not import scikit-learn."""
    return any(kind.__module__.startswith("sklearn.") for kind in type(model).__mro__)


def from_sklearn(model: Any) -> Graph:
    """The graph of a fitted `MLPClassifier` or `MLPRegressor`, alone or behind a `StandardScaler`.

    Its output is that of `predict_proba` (a column a class, in the order of `classes_`) or of
    `predict` (a column a target). Parameters are named `coefs_.0`, `intercepts_.0` and so on; a
    scaler's statistics are constants. The arithmetic is in the dtype of the input; scikit-learn's
    own is in float64.

    Raises:
        ModelError: an estimator of another kind, not fitted, or with several labels an input.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    *scalers, network = (
        [step for _, step in model.steps] if isinstance(model, Pipeline) else [model]
    )
    kinds = [type(step).__name__ for step in (*scalers, network)]
    if not isinstance(network, MLPClassifier | MLPRegressor) or not all(
        isinstance(scaler, StandardScaler) for scaler in scalers
    ):
        raise ModelError(
            f"scikit-learn estimator {' then '.join(kinds)}: expected an MLPClassifier or"
            " MLPRegressor, alone or in a pipeline behind a StandardScaler"
        )
    for kind, step, mark in (
        *(("StandardScaler", scaler, "scale_") for scaler in scalers),
        (kinds[-1], network, "coefs_"),
    ):
        if not hasattr(step, mark):
            raise ModelError(f"the {kind} is not fitted: call its fit first")
    classifier = isinstance(network, MLPClassifier)
    if classifier and network.out_activation_ == "logistic" and len(network.intercepts_[-1]) > 1:
        raise ModelError("the MLPClassifier gives several labels an input; expected one class")
    if network.out_activation_ == "exp":
        raise ModelError(
            f"the {kinds[-1]} ends with an exponential (loss {network.loss!r}), which the graph"
            " does not have; expected loss 'squared_error'"
        )
    if network.activation not in _HIDDEN:
        raise ModelError(f"activation {network.activation!r}{nearest(network.activation, _HIDDEN)}")

    builder = GraphBuilder((len(network.coefs_[0]),), batch=2)
    x = builder.input
    for scaler in scalers:
        # A scaler that is not to centre may know the mean all the same.
        for op, statistic, used in (
            (ops.Sub(), scaler.mean_, scaler.with_mean),
            (ops.Div(), scaler.scale_, scaler.with_std),
        ):
            if used:
                x = builder.add(op, x, torch.as_tensor(statistic), name="scaler", module="scaler")
    last = len(network.coefs_) - 1
    for layer, (weight, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        w = builder.tensor(f"coefs_.{layer}", torch.as_tensor(weight), parameter=True)
        b = builder.tensor(f"intercepts_.{layer}", torch.as_tensor(bias), parameter=True)
        module = f"layer.{layer}"
        x = builder.linear(x, w, b, transposed=False, name=module, module=module)
        activation = _HIDDEN[network.activation]
        if layer < last and activation is not None:
            x = builder.add(activation, x, name=f"{module}.{network.activation}", module=module)
    if classifier and network.out_activation_ == "logistic":
        # One logit z for two classes: softmax(0, z) is (1 - σ(z), σ(z)), and linear up to it.
        x = builder.add(ops.Pad(((0, 0), (1, 0))), x, name="logits", module="output")
    if classifier:
        x = builder.add(ops.Softmax(1), x, name="probabilities", module="output")
    first = (*scalers, network)[0]
    return dataclasses.replace(
        builder.build(x),
        input_names=tuple(str(name) for name in getattr(first, "feature_names_in_", ())),
        output_names=tuple(_label(item) for item in network.classes_) if classifier else (),
    )


def _label(item: Any) -> str:
    """A class label as text; whole numbers as such, however they were stored."""
    return str(int(item)) if isinstance(item, float) and item.is_integer() else str(item)
