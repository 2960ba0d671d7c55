"""Random parameters of Keras models: initializer objects, their fans, defaults and by hand."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import initializers, layers
from scipy import stats

from affidavit.errors import ModelError
from affidavit.initialization.distributions import Normal, TruncatedNormal, Uniform
from affidavit.initialization.finding import find_random_parameters
from affidavit.initialization.finding.keras_defaults import from_keras


def _model() -> Any:
    x = inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="first", kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(x)
    x = layers.Conv2DTranspose(5, 2, name="transposed")(x)
    x = layers.Reshape((25, 5))(layers.Cropping2D(((0, 0), (0, 0)))(x))
    x = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.Bidirectional(layers.LSTM(3, name="memory"), name="both")(x)
    x = layers.PReLU(name="slope")(x)
    x = layers.Dense(
        7, name="hidden", kernel_initializer=initializers.RandomNormal(stddev=0.2),
        bias_initializer=initializers.Constant(0.1),
    )(x)  # fmt: skip
    return keras.Model(inputs, layers.Dense(3, name="last")(x))


def test_variables_are_drawn_as_their_layers_hold() -> None:
    keras.utils.set_random_seed(1)
    model = _model()
    found = find_random_parameters(model)
    assert [one.name for one in found] == [variable.path for variable in model.weights]
    assert all(one.fits for one in found)
    by_name = {one.name: one for one in found}
    by_hand = [name for name, one in by_name.items() if one.by_hand]
    assert by_hand == ["first/kernel", "hidden/kernel", "hidden/bias"]
    drawn = {one.name for one in found if one.random}
    assert {name.rpartition("/")[2] for name in drawn} == {"kernel", "recurrent_kernel"}
    first = by_name["first/kernel"]
    assert (first.layer, first.fan_in, first.fan_out) == ("Conv2D", 27, 36)
    assert first.initializer is not None
    assert first.initializer.text == "he_normal"
    depthwise = by_name["depthwise/kernel"]
    assert (depthwise.fan_in, depthwise.fan_out) == (36, 18)
    assert (by_name["transposed/kernel"].fan_in, by_name["transposed/kernel"].fan_out) == (20, 32)
    query, out = by_name["attention/query/kernel"], by_name["attention/attention_output/kernel"]
    assert (query.fan_in, query.fan_out) == (5, 8)
    assert (out.fan_in, out.fan_out) == (8, 5)
    bias = by_name["both/forward_memory/lstm_cell/bias"]
    assert bias.declared is not None
    assert bias.declared.text == "zeros; ones in rows 3 to 5"
    assert by_name["norm/moving_variance"].trainable is False


def test_many_models_are_drawn_as_declared() -> None:
    draws: dict[int, list[Any]] = {}
    for seed in range(25):
        keras.utils.set_random_seed(seed)
        for place, variable in enumerate(_model().weights):
            draws.setdefault(place, []).append(variable.value.detach().double().numpy().ravel())
    found = find_random_parameters(_model)
    tested = 0
    for place, one in enumerate(found):
        if isinstance(one.distribution, Uniform | Normal | TruncatedNormal):
            values = np.concatenate(draws[place])
            tested += 1
            scale = float(one.distribution.std)
            known: Any = one.distribution
            assert stats.kstest(values, known.cdf).pvalue > 1e-4, one.name
            wider = stats.kstest(values * 1.2 + 0.05 * scale, known.cdf).pvalue
            assert wider < 1e-3, one.name
    assert tested == 11
    assert all(one.fits for one in found)


@pytest.mark.parametrize(
    ("held", "text"),
    [
        (initializers.Zeros(), "zeros"),
        (initializers.Constant(0.3), "constant(value=0.3)"),
        (initializers.RandomUniform(-0.1, 0.2), "random_uniform(minval=-0.1, maxval=0.2)"),
        (initializers.TruncatedNormal(stddev=0.1), "truncated_normal(stddev=0.1)"),
        (initializers.GlorotNormal(seed=4), "glorot_normal"),
        (initializers.Orthogonal(gain=2.0), "orthogonal(gain=2)"),
        (
            initializers.VarianceScaling(2.0, "fan_avg", "untruncated_normal"),
            "variance_scaling(scale=2, mode='fan_avg', distribution='untruncated_normal')",
        ),
    ],
    ids=lambda value: value.split("(")[0] if isinstance(value, str) else "",
)
def test_objects_of_keras_are_entries_of_the_catalogue(held: Any, text: str) -> None:
    found = from_keras(held)
    assert found is not None
    assert found.text == text


def _halves(shape: tuple[int, ...], dtype: object = None) -> torch.Tensor:
    return torch.full(shape, 0.5)


def test_what_is_no_entry_is_found_by_its_values() -> None:
    assert from_keras(initializers.Identity()) is None
    assert from_keras(_halves) is None
    assert from_keras(initializers.Constant(np.arange(3.0))) is None
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4, kernel_initializer=_halves)])
    kernel, bias = find_random_parameters(model)
    assert kernel.declared is None
    assert kernel.by_hand
    assert not kernel.random
    assert kernel.initializer is not None
    assert kernel.initializer.text == "constant(value=0.5)"
    assert not bias.by_hand


def test_values_set_over_the_initializer_are_told() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((40,)), layers.Dense(30)])
    kernel = model.weights[0]
    kernel.assign(keras.initializers.HeUniform(seed=1)((40, 30)))
    found = find_random_parameters(model)[0]
    assert found.fits is False
    assert found.by_hand
    assert found.initializer is not None
    assert found.initializer.text == "he_uniform"


def test_a_seeded_initializer_is_not_random() -> None:
    def seeded() -> Any:
        fixed = initializers.GlorotUniform(seed=3)
        return keras.Sequential([keras.Input((9,)), layers.Dense(8, kernel_initializer=fixed)])

    kernel, _ = find_random_parameters(seeded)
    assert kernel.fits
    assert not kernel.random
    assert kernel.note == "the same under every seed"


def test_a_model_that_is_not_built_is_refused() -> None:
    with pytest.raises(ModelError, match="no weights yet"):
        find_random_parameters(keras.Sequential([layers.Dense(2)]))
    with pytest.raises(ModelError, match="no weights yet"):
        find_random_parameters(lambda: keras.Sequential([layers.Dense(2)]))


def test_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(ModelError, match="KERAS_BACKEND=torch"):
        find_random_parameters(model)
