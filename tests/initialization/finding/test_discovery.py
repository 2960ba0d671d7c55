"""Finding random parameters: defaults, what was set by hand, and models of every odd kind."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from affidavit.errors import DomainError, ModelError
from affidavit.initialization.finding import (
    RandomParameter,
    find_random_parameters,
    require_random,
)


def _network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.PReLU(), nn.Flatten(), nn.Linear(72, 30)
    )


def _of_weight(fill: Callable[[Tensor], object]) -> RandomParameter:
    layer = nn.Linear(90, 60)
    with torch.no_grad():
        fill(layer.weight)
    return find_random_parameters(layer)[0]


def test_a_fresh_network_is_as_its_code_declares() -> None:
    found = find_random_parameters(_network())
    assert [one.name for one in found] == [
        "0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "4.weight", "4.bias",
    ]  # fmt: skip
    assert [one.random for one in found] == [True, True, False, False, False, True, True]
    assert all(one.fits and not one.by_hand and one.trainable for one in found)
    first = found[0]
    assert (first.layer, first.shape) == ("Conv2d", (8, 3, 3, 3))
    assert (first.fan_in, first.fan_out) == (27, 72)
    assert first.initializer is not None
    assert first.initializer.text == "torch_linear"
    assert first.values == 216
    assert require_random(found) == [one for one in found if one.random]


def test_fresh_networks_are_seldom_called_anything_else() -> None:
    # At a level of 0.2, of 60 networks that are drawn as declared 12 may be called otherwise.
    wrong = 0
    for seed in range(60):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(9, 7), nn.Linear(7, 8), nn.Embedding(5, 4))
        wrong += not all(one.fits for one in find_random_parameters(model, level=0.2))
    assert wrong <= 21


HAND = {
    "kaiming_normal_": lambda w: nn.init.kaiming_normal_(w),
    "kaiming_normal_(mode='fan_out')": lambda w: nn.init.kaiming_normal_(w, mode="fan_out"),
    "kaiming_uniform_": lambda w: nn.init.kaiming_uniform_(w),
    "xavier_uniform_": lambda w: nn.init.xavier_uniform_(w),
    "xavier_normal_": lambda w: nn.init.xavier_normal_(w),
    "xavier_uniform_(gain=1.66667)": lambda w: nn.init.xavier_uniform_(w, gain=5 / 3),
    "orthogonal": lambda w: nn.init.orthogonal_(w),
    "orthogonal(gain=2)": lambda w: nn.init.orthogonal_(w, gain=2),
    "zeros": lambda w: nn.init.zeros_(w),
    "ones": lambda w: nn.init.ones_(w),
    "constant(value=0.3)": lambda w: nn.init.constant_(w, 0.3),
    "normal_": lambda w: nn.init.normal_(w),
    "uniform_": lambda w: nn.init.uniform_(w),
    "random_normal": lambda w: nn.init.normal_(w, std=0.05),
    "random_uniform": lambda w: nn.init.uniform_(w, -0.05, 0.05),
    "he_normal": lambda w: nn.init.trunc_normal_(w).mul_(math.sqrt(2 / 90) / 0.87962566),
}  # fmt: skip


@pytest.mark.parametrize("text", HAND)
def test_what_was_set_by_hand_is_named(text: str) -> None:
    found = _of_weight(HAND[text])
    assert found.by_hand
    assert found.fits is False
    assert found.declared is not None
    assert found.declared.text == "torch_linear"
    assert found.initializer is not None
    assert found.initializer.text.split("=")[0] == text.split("=")[0]
    assert found.random is not text.startswith(("zeros", "ones", "constant"))
    assert found.p_value is not None
    if "gain" in text:  # as far as the values tell
        gain = dict(found.initializer.options)["gain"]
        assert gain == pytest.approx(float(text.split("=")[1][:-1]), rel=1e-5)


def test_numbers_are_fitted_where_no_rule_has_them() -> None:
    found = _of_weight(lambda w: nn.init.normal_(w, 0.2, 0.013))
    assert found.initializer is not None
    assert found.initializer.name == "random_normal"
    options = {name: float(value) for name, value in found.initializer.options}
    assert options["mean"] == pytest.approx(0.2, abs=0.001)
    assert options["stddev"] == pytest.approx(0.013, rel=0.05)
    found = _of_weight(lambda w: nn.init.uniform_(w, -0.02, 0.07))
    assert found.initializer is not None
    assert found.initializer.name == "random_uniform"
    options = {name: float(value) for name, value in found.initializer.options}
    assert options == pytest.approx({"minval": -0.02, "maxval": 0.07}, abs=1e-4)
    found = _of_weight(lambda w: nn.init.trunc_normal_(w, std=0.02, a=-0.04, b=0.04))
    assert found.initializer is not None
    assert found.initializer.name == "truncated_normal"
    assert found.initializer.text == "truncated_normal(stddev=0.02)"
    assert found.also_fits == ()  # 5,400 values tell a cut normal from a whole one


def test_values_of_no_initializer_are_called_so() -> None:
    found = _of_weight(lambda w: w.copy_(torch.eye(60, 90)))
    assert found.initializer is None
    assert found.distribution is None
    assert found.by_hand
    assert found.random  # as its layer declares: the values do not tell
    assert "agree with no entry" in found.note


def test_a_trained_network_is_not_at_its_defaults() -> None:
    digits = load_digits()
    inputs = torch.tensor(digits.data, dtype=torch.float32) / 16
    labels = torch.tensor(digits.target)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.LayerNorm(32), nn.Linear(32, 10))
    assert all(one.fits for one in find_random_parameters(model))
    optimizer = torch.optim.SGD(model.parameters(), 0.2, momentum=0.9)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    found = {one.name: one for one in find_random_parameters(model)}
    for name in ("0.weight", "2.weight", "2.bias", "3.weight"):
        assert found[name].fits is False
        assert found[name].by_hand


class _Bare(nn.Module):
    def __init__(self, drawn: Callable[[], Tensor]) -> None:
        super().__init__()
        self.table = nn.Parameter(drawn())


def test_parameters_of_a_users_module_are_known_by_their_values() -> None:
    (found,) = find_random_parameters(_Bare(lambda: torch.randn(40, 30)))
    assert found.declared is None
    assert found.fits is None
    assert found.by_hand
    assert found.initializer is not None
    assert found.initializer.text == "normal_"
    (found,) = find_random_parameters(_Bare(lambda: torch.ones(3)))
    assert not found.random
    (found,) = find_random_parameters(_Bare(lambda: torch.rand(())))
    assert found.initializer is not None  # a scalar is equal to itself: a constant


def test_a_factory_shows_what_is_random() -> None:
    fixed = torch.randn(30, 20)

    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(20, 30)
            self.norm = nn.BatchNorm1d(30)
            self.table = nn.Parameter(fixed.clone())
            self.scalar = nn.Parameter(torch.rand(()))
            self.head = nn.Linear(20, 30)
            with torch.no_grad():
                self.head.weight.copy_(fixed)

    found = {one.name: one for one in find_random_parameters(Mixed, seeds=4)}
    drawn = [name for name, one in found.items() if one.random]
    assert drawn == ["scalar", "linear.weight", "linear.bias", "head.bias"]
    assert found["linear.weight"].values == 4 * 600
    assert found["table"].note == "the same under every seed"
    assert found["table"].values == 600  # copies of one draw count once
    assert found["head.weight"].by_hand
    one_model = {one.name: one for one in find_random_parameters(Mixed())}
    assert one_model["table"].random  # as its values look; only a factory can tell


def test_a_factory_leaves_the_generators_as_they_were() -> None:
    before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())  # noqa: NPY002
    find_random_parameters(_network)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert str(np.random.get_state()) == before[2]  # noqa: NPY002


def test_a_model_is_left_as_it_was() -> None:
    model = _network()
    next(model.parameters()).requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    find_random_parameters(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert not find_random_parameters(model)[0].trainable


def test_tied_weights_are_one_parameter_by_the_default_that_fits() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(16, 40, bias=False)
            self.embedding = nn.Embedding(40, 16)
            self.head.weight = self.embedding.weight

    (found,) = find_random_parameters(Tied())
    assert found.name == "head.weight"
    assert found.shared_with == ("embedding.weight",)
    assert found.fits
    assert found.declared is not None
    assert found.declared.text == "torch_embedding"
    assert "shared with embedding.weight" in found.note


def test_padding_of_an_embedding_is_set_apart() -> None:
    model = nn.Embedding(50, 8, padding_idx=3)
    (found,) = find_random_parameters(model)
    assert found.fits
    assert found.values == 49 * 8
    assert found.declared is not None
    assert found.declared.text == "torch_embedding; zeros in row 3"
    with torch.no_grad():
        model.weight[3] = 0.1
    assert find_random_parameters(model)[0].fits is False
    assert find_random_parameters(nn.Embedding(1, 8, padding_idx=0))[0].fits


@pytest.mark.parametrize("old", [False, True])
def test_weight_norm_keeps_the_weight_and_computes_its_length(old: bool) -> None:
    if old:
        with pytest.warns(FutureWarning):
            model = nn.utils.weight_norm(nn.Linear(30, 20))
    else:
        model = parametrizations.weight_norm(nn.Linear(30, 20))
    bias, length, weight = find_random_parameters(model)
    assert bias.fits
    assert weight.fits
    assert weight.layer == "Linear"
    assert length.declared is None
    assert length.initializer is None
    assert not length.by_hand
    assert "computed from the layer's first weight" in length.note


def test_spectral_norm_and_pruning_keep_the_weight() -> None:
    normed = parametrizations.spectral_norm(nn.Linear(30, 20))
    assert all(one.fits for one in find_random_parameters(normed))
    pruned = nn.Linear(30, 20)
    prune.random_unstructured(pruned, "weight", 0.5)
    assert all(one.fits for one in find_random_parameters(pruned))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_other_precisions(dtype: torch.dtype) -> None:
    made = nn.Sequential(nn.Linear(80, 60), nn.Embedding(60, 20)).to(dtype)
    assert all(one.fits for one in find_random_parameters(made))
    drawn = nn.Sequential(nn.Linear(80, 60, dtype=dtype), nn.Embedding(60, 20, dtype=dtype))
    assert all(one.fits for one in find_random_parameters(drawn))
    other = nn.Linear(80, 60, dtype=dtype)
    nn.init.kaiming_uniform_(other.weight)
    found = find_random_parameters(other)[0]
    assert found.initializer is not None
    assert found.initializer.text == "kaiming_uniform_"


def test_few_values_say_little() -> None:
    _, bias = find_random_parameters(nn.Linear(5, 2))
    assert bias.fits
    assert bias.note == "2 values: hardly anything would contradict them"
    layer = nn.Linear(5, 2)
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([0.7, -0.2]))
    bias = find_random_parameters(layer)[1]
    assert bias.fits is False  # it lies outside of the bounds
    assert len(bias.also_fits) > 3


def test_values_that_are_not_numbers() -> None:
    model = nn.Linear(6, 5)
    with torch.no_grad():
        model.weight[0, :2] = math.nan
    weight, bias = find_random_parameters(model)
    assert weight.fits is False
    assert weight.p_value == 0.0
    assert weight.note == "2 of its values are NaN or infinite"
    assert bias.fits


def test_empty_and_complex_parameters_are_listed_untested() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.empty = nn.Parameter(torch.empty(0, 3))
            self.complex = nn.Parameter(torch.randn(3, dtype=torch.complex64))
            self.whole = nn.Parameter(torch.arange(4), requires_grad=False)

    empty, imaginary, whole = find_random_parameters(Odd())
    assert (empty.fits, empty.p_value, empty.note) == (None, None, "it has no values")
    assert not empty.random
    assert imaginary.note == "complex values are not tested"
    assert not whole.trainable


def test_models_without_randomness() -> None:
    assert find_random_parameters(nn.ReLU()) == []
    with pytest.raises(ModelError, match="has no parameters"):
        require_random([])
    still = find_random_parameters(nn.BatchNorm1d(4))
    with pytest.raises(ModelError, match=r"drawn at random \(weight, bias\): every run would"):
        require_random(still)
    many = find_random_parameters(nn.Sequential(*(nn.BatchNorm1d(4) for _ in range(4))))
    with pytest.raises(ModelError, match="and 3 others"):
        require_random(many)


def test_what_cannot_be_read_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some releases call lazy modules new
        lazy = nn.LazyLinear(3)
    with pytest.raises(ModelError, match="'weight' is not initialised yet"):
        find_random_parameters(lazy)
    with pytest.raises(ModelError, match="device 'meta'"):
        find_random_parameters(nn.Linear(2, 2, device="meta"))
    with pytest.raises(ModelError, match=r"expected a PyTorch module.*got int"):
        find_random_parameters(3)
    with pytest.raises(ModelError, match="the factory returned dict"):
        find_random_parameters(dict)
    with pytest.raises(ModelError, match="different parameters under seeds 0 and"):
        find_random_parameters(lambda: nn.Linear(2, 2 + int(torch.randint(9, ()))), seeds=8)
    with pytest.raises(DomainError, match="1 seeds"):
        find_random_parameters(_network, seeds=1)
    with pytest.raises(DomainError, match="level 1"):
        find_random_parameters(_network(), level=1)
