"""Graphs of Keras 3 models on the torch backend compute what the models do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
import torch
from keras import layers

from affidavit.errors import ModelError, UnsupportedOpsError
from affidavit.graph import load, ops


def _dense() -> Any:
    return keras.Sequential(
        [
            layers.Input((4,)), layers.Dense(5, activation="relu"), layers.Dropout(0.5),
            layers.BatchNormalization(), layers.Dense(3, activation="softmax"),
        ]
    )  # fmt: skip


def _convolutional() -> Any:
    return keras.Sequential(
        [
            layers.Input((8, 7, 2)),
            layers.Conv2D(3, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(), layers.LeakyReLU(0.1),
            layers.DepthwiseConv2D(2, padding="valid"), layers.ReLU(max_value=6.0),
            layers.AveragePooling2D(2, padding="valid"), layers.Flatten(), layers.Dense(2),
        ]
    )  # fmt: skip


def _functional() -> Any:
    x = inputs = layers.Input((6, 6, 1))
    x = layers.Conv2D(2, 3, padding="same", activation="elu")(x)
    y = layers.Conv2D(2, 1, activation="tanh")(x)
    x = layers.Add()([x, y])
    x = layers.Concatenate()([x, y])
    x = layers.MaxPooling2D()(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(2, activation="sigmoid")(x))


def _one_dimension() -> Any:
    return keras.Sequential(
        [layers.Input((9, 2)), layers.Conv1D(3, 3, activation="softplus"), layers.Flatten()]
    )


@pytest.mark.parametrize("make", [_dense, _convolutional, _functional, _one_dimension])
def test_graph_equals_model(make: Callable[[], Any]) -> None:
    keras.utils.set_random_seed(0)
    model = make()
    for variable in model.variables:
        if "moving" in variable.path or "gamma" in variable.path:
            variable.assign(0.5 + torch.rand(tuple(variable.shape)))
    before = [variable.value.detach().clone() for variable in model.variables]
    graph = load(model)
    x = torch.randn(3, *graph.input_shape)
    expected = model(x, training=False).detach()
    torch.testing.assert_close(graph(x), expected, rtol=1e-5, atol=1e-5)
    assert graph(x[:0]).shape == (0, *expected.shape[1:])
    assert set(graph.parameters) == {v.path for v in model.trainable_variables}
    assert graph.input_shape == tuple(model.input_shape[1:])
    for variable, value in zip(model.variables, before, strict=True):
        assert torch.equal(variable.value, value)


def test_modules_are_the_paths_of_the_layers() -> None:
    graph = load(_dense())
    linear = [node for node in graph.nodes if isinstance(node.op, ops.Linear)]
    assert len({node.module for node in linear}) == 2
    assert all("dense" in node.module for node in linear)


def test_frozen_layers_are_no_parameters() -> None:
    model = _dense()
    model.layers[0].trainable = False
    assert set(load(model).parameters) == {v.path for v in model.trainable_variables}


def test_models_that_are_refused() -> None:
    with pytest.raises(ModelError, match="no weights yet"):
        load(keras.Sequential([layers.Dense(2)]))
    open_size = keras.Sequential([layers.Input((None, 4)), layers.Dense(2)])
    with pytest.raises(ModelError, match="give an example input"):
        load(open_size)
    assert load(open_size, torch.zeros(1, 5, 4)).input_shape == (5, 4)
    with pytest.raises(UnsupportedOpsError):
        load(keras.Sequential([layers.Input((4, 4)), layers.LSTM(2), layers.Dense(2)]))


def test_another_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(ModelError, match="set the environment variable KERAS_BACKEND=torch"):
        load(_dense())
