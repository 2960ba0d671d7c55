"""Drawing a module anew: whatever is declared, or what is named, and nothing else."""

from __future__ import annotations

from typing import Any

import keras
import pytest
import torch
from torch import nn

from affidavit.errors import DomainError, ModelError
from affidavit.initialization.catalogue import initializer
from affidavit.initialization.finding import find_random_parameters
from affidavit.initialization.redrawing import initialize


class _Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 40, 3)
        self.norm = nn.BatchNorm2d(40)
        self.embedding = nn.Embedding(30, 20, padding_idx=0)
        self.attention = nn.MultiheadAttention(20, 2)
        self.last = nn.Linear(50, 40)
        self.own = nn.Parameter(torch.randn(3, 4))


def _values(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def test_defaults_are_drawn_again() -> None:
    model = _Model()
    with torch.no_grad():
        model.norm.weight.fill_(3.0)
        model.get_parameter("conv.bias").fill_(3.0)
    before = _values(model)
    names = initialize(model, "default", "default", seed=4)
    left = ["own", "norm.weight", "norm.bias"]
    assert names == tuple(name for name in before if name not in left)
    after = _values(model)
    assert all(torch.equal(after[name], before[name]) for name in left)
    for one in find_random_parameters(model):
        if one.name in names:
            assert one.fits
            if one.random:
                assert not torch.equal(after[one.name], before[one.name])
    assert bool((after["embedding.weight"][0] == 0).all())


def test_what_is_named_is_drawn_and_the_rest_left() -> None:
    model = _Model()
    before = _values(model)
    names = initialize(model, "he_normal", seed=1)
    found = {one.name: one for one in find_random_parameters(model)}
    assert names == (
        "conv.weight", "embedding.weight", "attention.in_proj_weight",
        "attention.out_proj.weight", "last.weight",
    )  # fmt: skip
    for name in names:
        named = found[name].initializer
        assert named is not None
        assert named.text in ("he_normal", "kaiming_normal_")
        assert found[name].by_hand
    for name, value in _values(model).items():
        assert torch.equal(value, before[name]) is (name not in names)
    assert bool((model.embedding.weight[0] == 0).all())
    names = initialize(model, bias=initializer("constant", value=0.2), seed=1)
    assert names == (
        "conv.bias", "attention.in_proj_bias", "attention.out_proj.bias", "last.bias",
    )  # fmt: skip
    assert all(bool((model.get_parameter(name) == 0.2).all()) for name in names)


def test_draws_depend_on_seed_and_place_alone() -> None:
    first, second, third = _Model(), _Model(), _Model()
    initialize(first, "default", "default", seed=1)
    initialize(second, "default", "zeros", seed=1)
    initialize(third, "default", "default", seed=2)
    assert torch.equal(first.last.weight, second.last.weight)
    assert not torch.equal(first.last.bias, second.last.bias)
    assert not torch.equal(first.last.weight, third.last.weight)
    state = torch.get_rng_state()
    initialize(first, "default", "default", seed=2)
    assert torch.equal(first.last.weight, third.last.weight)
    assert torch.equal(torch.get_rng_state(), state)


def test_layers_of_one_shape_are_drawn_apart() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    initialize(model, "he_normal", "random_normal", seed=1)
    for name in ("weight", "bias"):
        first, second = (model.get_parameter(f"{place}.{name}") for place in (0, 1))
        assert not torch.isclose(first, second).any()


def test_types_and_training_flags_stay() -> None:
    model = nn.Linear(4, 3).to(torch.bfloat16)
    model.weight.requires_grad_(False)
    before = model.weight
    initialize(model, "orthogonal", seed=0)
    assert model.weight is before
    assert model.weight.dtype == torch.bfloat16
    assert not model.weight.requires_grad
    assert model.bias.requires_grad


def test_keras_models_are_drawn_anew() -> None:
    keras.utils.set_random_seed(0)
    model: Any = keras.Sequential(
        [
            keras.Input((6, 30)), keras.layers.Dense(40), keras.layers.BatchNormalization(),
            keras.layers.Dense(8), keras.layers.LSTM(3),
        ]
    )  # fmt: skip
    names = initialize(model, "lecun_uniform", seed=3)
    drawn = [name.rpartition("/")[2] for name in names]
    assert drawn == ["kernel", "kernel", "kernel", "recurrent_kernel"]
    names = initialize(model, bias="ones", seed=3)
    assert [name.rpartition("/")[2] for name in names] == ["bias"] * 3
    found = find_random_parameters(model)[0]
    assert found.by_hand
    assert found.initializer is not None
    assert found.initializer.text == "lecun_uniform"


def test_what_cannot_be_drawn_changes_nothing() -> None:
    model = _Model()
    before = _values(model)
    with pytest.raises(DomainError, match="did you mean 'he_normal'"):
        initialize(model, "he_norml", seed=0)
    with pytest.raises(DomainError, match=r"conv\.bias: a tensor of shape \(40,\) is no matrix"):
        initialize(model, bias="orthogonal", seed=0)
    with pytest.raises(DomainError, match=r"attention\.in_proj_bias: he_normal is scaled"):
        initialize(model, bias="he_normal", seed=0)
    with pytest.raises(DomainError, match="seed -1"):
        initialize(model, "default", seed=-1)
    with pytest.raises(DomainError, match="name an initializer for kernel or for bias"):
        initialize(model, seed=0)
    assert all(torch.equal(value, before[name]) for name, value in _values(model).items())


def test_a_module_without_layers_is_refused() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.randn(3, 4))

    with pytest.raises(ModelError, match="the model has no kernel and no bias of a layer"):
        initialize(Own(), "he_normal", "zeros", seed=0)
    with pytest.raises(ModelError, match="the model has no bias of a layer"):
        initialize(nn.Linear(2, 2, bias=False), bias="zeros", seed=0)
