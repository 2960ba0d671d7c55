"""The catalogue: what each entry draws is what Keras and PyTorch draw by that name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from tests.reference.initial_values import integral, normal_density
from torch import Tensor, nn

from affidavit.errors import DomainError
from affidavit.initialization.catalogue import (
    ALIASES,
    INITIALIZERS,
    initializer,
    without_options,
)
from affidavit.initialization.distributions import TruncatedNormal, Uniform
from affidavit.initialization.fans import Fans

# Not square, and of more than two axes, so that the layouts and the modes differ.
KERAS_SHAPE = (3, 2, 20, 30)
TORCH_SHAPE = (30, 20, 3, 2)

KERAS: dict[str, dict[str, Any]] = {
    "random_normal": {"mean": 0.1, "stddev": 0.2},
    "random_uniform": {"minval": -0.3, "maxval": 0.1},
    "truncated_normal": {"mean": 0.1, "stddev": 0.2},
    "variance_scaling": {"scale": 0.7, "mode": "fan_out", "distribution": "uniform"},
    "lecun_normal": {},
    "lecun_uniform": {},
    "glorot_normal": {},
    "glorot_uniform": {},
    "he_normal": {},
    "he_uniform": {},
}

TORCH: dict[str, tuple[dict[str, Any], Callable[[Tensor], Tensor]]] = {
    "normal_": ({}, nn.init.normal_),
    "uniform_": ({}, nn.init.uniform_),
    "trunc_normal_": (
        {"std": 0.5, "a": -0.3, "b": 1.0},
        lambda x: nn.init.trunc_normal_(x, std=0.5, a=-0.3, b=1.0),
    ),
    "xavier_uniform_": ({"gain": 2.0}, lambda x: nn.init.xavier_uniform_(x, gain=2.0)),
    "xavier_normal_": ({}, nn.init.xavier_normal_),
    "kaiming_uniform_": (
        {"a": math.sqrt(5), "mode": "fan_out"},
        lambda x: nn.init.kaiming_uniform_(x, a=math.sqrt(5), mode="fan_out"),
    ),
    "kaiming_normal_": (
        {"nonlinearity": "tanh"},
        lambda x: nn.init.kaiming_normal_(x, nonlinearity="tanh"),
    ),
}


def _flat(x: Tensor) -> NDArray[np.float64]:
    return x.detach().double().numpy().ravel()


def _agree(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> None:
    # What both draw alike, and what 15 % of width would make unlike.
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-3
    assert stats.ks_2samp(1.15 * ours, theirs).pvalue < 1e-3


@pytest.mark.parametrize("name", KERAS)
def test_entries_draw_what_keras_draws(name: str) -> None:
    keras.utils.set_random_seed(3)
    make = keras.initializers.get({"class_name": name, "config": KERAS[name]})
    shape = (*KERAS_SHAPE[:2], 60, 60)
    theirs = _flat(make(shape))  # a tensor of PyTorch: the backend of the tests
    ours = initializer(name, **KERAS[name])
    drawn = ours.sample(shape, torch.Generator().manual_seed(3), layout="keras")
    _agree(_flat(drawn), theirs)


@pytest.mark.parametrize("name", TORCH)
def test_entries_draw_what_pytorch_draws(name: str) -> None:
    options, fill = TORCH[name]
    shape = (60, 70, *TORCH_SHAPE[2:])
    theirs = fill(torch.empty(shape))
    drawn = initializer(name, **options).sample(shape, torch.Generator().manual_seed(3))
    _agree(_flat(drawn), _flat(theirs))


def test_every_drawing_entry_is_held_against_a_library() -> None:
    held = {*KERAS, *TORCH, "orthogonal"}
    layers = {"torch_linear", "torch_recurrent", "torch_embedding"}
    drawing = {name for name in INITIALIZERS if name not in ("zeros", "ones", "constant")}
    assert drawing == held | layers


def test_orthogonal_is_a_matrix_the_way_each_library_has_it() -> None:
    theirs = nn.init.orthogonal_(torch.empty(TORCH_SHAPE), gain=2.0).reshape(30, -1)
    ours = initializer("orthogonal", gain=2.0)
    drawn = ours.sample(TORCH_SHAPE, torch.Generator()).reshape(30, -1)
    torch.testing.assert_close(drawn @ drawn.T, theirs @ theirs.T, atol=1e-5, rtol=0)
    held = keras.initializers.Orthogonal(gain=2.0, seed=1)(KERAS_SHAPE).reshape(-1, 30)
    drawn = ours.sample(KERAS_SHAPE, torch.Generator(), layout="keras").reshape(-1, 30)
    torch.testing.assert_close(drawn.T @ drawn, held.T @ held, atol=1e-5, rtol=0)


VARIANCES = {
    "lecun_uniform": 1 / 80, "lecun_normal": 1 / 80, "glorot_uniform": 2 / 120,
    "glorot_normal": 2 / 120, "he_uniform": 2 / 80, "he_normal": 2 / 80,
    "xavier_normal_": 2 / 120, "kaiming_normal_": 2 / 80, "torch_linear": 1 / 240,
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANCES)
def test_variances_are_those_of_the_papers(name: str) -> None:
    found = initializer(name).distribution(Fans(80, 40))
    if isinstance(found, Uniform):
        variance = (found.high - found.low) ** 2 / 12
    elif isinstance(found, TruncatedNormal):
        mean, std, low, high = found.mean, found.std, found.low, found.high
        mass = integral(lambda x: normal_density(x, mean, std), low, high)
        variance = integral(lambda x: x * x * normal_density(x, mean, std), low, high) / mass
    else:
        variance = found.std**2  # type: ignore[union-attr]
    assert variance == pytest.approx(VARIANCES[name], rel=1e-5)


def test_default_options_are_those_of_the_libraries() -> None:
    for name in KERAS:
        ours = INITIALIZERS[name].options
        config = keras.initializers.get(name).get_config()
        theirs = {key: config[key] for key in config if key in ours}
        assert theirs == {key: value for key, value in ours.items() if key in theirs}
        assert set(ours) <= set(config)


def test_names_of_both_libraries_are_known() -> None:
    for name in ("GlorotUniform", "glorot_uniform", "RandomNormal", "VarianceScaling", "Zeros"):
        assert initializer(name).name in INITIALIZERS
    # A name without underscore means what Keras means by it.
    assert initializer("normal") == initializer("random_normal")
    assert initializer("kaiming_normal") == initializer("kaiming_normal_")
    for alias, name in ALIASES.items():
        assert initializer(alias) == initializer(name)
        assert alias not in INITIALIZERS
        known = hasattr(nn.init, alias) or hasattr(nn.init, f"{alias}_")
        assert known or keras.initializers.get(alias) is not None


def test_options_that_are_the_default_are_not_told() -> None:
    assert initializer("kaiming_normal", mode="fan_in").text == "kaiming_normal_"
    assert initializer("kaiming_normal", mode="fan_out").text == "kaiming_normal_(mode='fan_out')"
    assert initializer("constant", value=0.2).text == "constant(value=0.2)"
    made = initializer("he_normal")
    assert initializer(made) is made


def test_constants_do_not_draw() -> None:
    still = [one.name for one in without_options() if not one.random]
    assert still == ["zeros", "ones", "constant"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("he_norml", {}, r"did you mean 'he_normal'\?"),
        ("random_normal", {"std": 1.0}, r"no option 'std' \(did you mean 'stddev'\?\)"),
        ("glorot_uniform", {"gain": 1.0}, "it has none"),
        ("random_normal", {"stddev": 0.0}, "std above 0"),
        ("kaiming_normal", {"mode": "in"}, "one of fan_in, fan_out, fan_avg"),
        ("kaiming_normal", {"nonlinearity": "gelu"}, "no known gain"),
        ("variance_scaling", {"distribution": "beta"}, "untruncated_normal"),
        ("variance_scaling", {"scale": -1.0}, "a number above 0"),
        ("torch_recurrent", {}, "needs the option 'hidden_size'"),
        ("torch_recurrent", {"hidden_size": 0}, "a number above 0"),
        ("constant", {"value": "a"}, "expected a number"),
        ("constant", {"value": True}, "expected a number"),
        ("kaiming_normal", {"mode": 1}, "expected a word"),
    ],
)
def test_what_has_no_meaning_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DomainError, match=message):
        initializer(name, **options)


def test_fans_are_needed_where_variance_depends_on_them() -> None:
    with pytest.raises(DomainError, match="scaled by fan-in and fan-out"):
        initializer("he_normal").sample((5,), torch.Generator())
    drawn = initializer("he_normal").sample((5,), torch.Generator(), fans=Fans(3, 5))
    assert drawn.shape == (5,)
