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


def test_declared_parameters_are_drawn_again() -> None:
    model = _Model()
    with torch.no_grad():
        model.norm.weight.fill_(3.0)
    before = _values(model)
    names = initialize(model, seed=4)
    assert names == tuple(name for name in before if name != "own")
    after = _values(model)
    assert torch.equal(after["own"], before["own"])
    for one in find_random_parameters(model):
        assert one.name == "own" or one.fits
        if one.random and one.name != "own":
            assert not torch.equal(after[one.name], before[one.name])
    assert bool((after["norm.weight"] == 1).all())
    assert bool((after["embedding.weight"][0] == 0).all())


def test_named_initializers_take_the_place_of_defaults() -> None:
    model = _Model()
    initialize(model, "he_normal", initializer("constant", value=0.2), seed=1)
    found = {one.name: one for one in find_random_parameters(model)}
    for name in ("conv.weight", "last.weight", "embedding.weight", "attention.in_proj_weight"):
        text = found[name].initializer
        assert text is not None
        assert text.text in ("he_normal", "kaiming_normal_")
        assert found[name].by_hand
    for name in ("conv.bias", "last.bias", "attention.in_proj_bias", "attention.out_proj.bias"):
        assert bool((model.get_parameter(name) == 0.2).all())
    assert found["norm.bias"].fits


def test_draws_depend_on_seed_and_place_alone() -> None:
    first, second, third = _Model(), _Model(), _Model()
    initialize(first, seed=1)
    initialize(second, bias="zeros", seed=1)
    initialize(third, seed=2)
    assert torch.equal(first.last.weight, second.last.weight)
    assert not torch.equal(first.last.bias, second.last.bias)
    assert not torch.equal(first.last.weight, third.last.weight)
    state = torch.get_rng_state()
    initialize(first, seed=2)
    assert torch.equal(first.last.weight, third.last.weight)
    assert torch.equal(torch.get_rng_state(), state)


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
            keras.Input((30,)), keras.layers.Dense(40), keras.layers.BatchNormalization(),
            keras.layers.Dense(8),
        ]
    )  # fmt: skip
    names = initialize(model, "lecun_uniform", seed=3)
    assert names == tuple(variable.path for variable in model.weights)
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
        initialize(model, seed=-1)
    assert all(torch.equal(value, before[name]) for name, value in _values(model).items())


def test_a_module_without_layers_is_refused() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.randn(3, 4))

    with pytest.raises(ModelError, match="nothing declares"):
        initialize(Own(), seed=0)
