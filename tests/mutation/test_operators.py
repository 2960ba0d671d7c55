from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.mutation.networks import inputs, network
from torch import Tensor, nn

from affidavit import graph
from affidavit.errors import DomainError, ModelError
from affidavit.mutation import Mutant, mutated
from affidavit.mutation.edits import tensors_of
from affidavit.mutation.generation import parameters_of
from affidavit.mutation.layers import chosen, layers_of
from affidavit.mutation.operators import OPERATORS, SCHEMES, Draw, drawing

X = inputs()


def drawer(
    model: nn.Module,
    operator: str,
    rate: float = 0.2,
    scheme: str = "wu",
    unit: str | None = None,
    spread: float = 1.0,
) -> Draw:
    return drawing(
        operator, scheme, rate, layers_of(model, X), tensors_of(model), parameters_of(model),
        unit=unit, spread=spread,
    )  # fmt: skip


def drawn(
    model: nn.Module, operator: str, rate: float, *, seed: int = 0, unit: str | None = None
) -> Mutant:
    return drawer(model, operator, rate, unit=unit)(np.random.default_rng(seed))


def outputs(model: nn.Module, path: str) -> Callable[[], Tensor]:
    """The values that a submodule gives at the inputs, in evaluation mode."""

    def run() -> Tensor:
        kept: list[Tensor] = []
        handle = model.get_submodule(path).register_forward_hook(
            lambda _, __, output: kept.append(output.clone())
        )
        with torch.no_grad():
            model.eval()(X)
        handle.remove()
        return kept[0]

    return run


@pytest.mark.parametrize(
    ("name", "layer", "activation"),
    [
        ("normed", "0", "1"), ("normed", "3", "4"), ("plain", "0", "0"), ("unscaled", "0", "1"),
        ("preactivated", "1", "1"), ("grouped", "2", "3"), ("residual", "one", "norm"),
        ("linear", "1", "2"),
    ],
)  # fmt: skip
def test_an_inversion_changes_the_sign_of_the_activation(
    name: str, layer: str, activation: str
) -> None:
    model = network(name)
    (only,) = chosen(layers_of(model, X), [layer])
    draw = drawing("NAI", "wu", 0.3, [only], tensors_of(model), ())
    mutant = draw(np.random.default_rng(0))
    units = mutant.edits[0].index
    values = outputs(model, activation)
    before = values()
    with mutated(model, mutant):
        after = values()
    others = np.setdiff1d(np.arange(before.shape[1]), units)
    assert mutant.units == len(units) == max(1, int(0.3 * before.shape[1]))
    torch.testing.assert_close(after[:, units], -before[:, units], rtol=1e-9, atol=1e-12)
    assert torch.equal(after[:, others], before[:, others])


def test_a_common_batch_norm_is_not_inverted() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
            self.norm, self.last = nn.BatchNorm2d(4), nn.Conv2d(4, 4, 6)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.last(self.norm(self.one(x)) + self.norm(self.two(x)))
            return found

    model = Shared().double()
    assert [layer.shared_norm for layer in layers_of(model, X)] == [True, True, False]
    for source in (model, graph.load(model.eval(), X[:1])):
        found = layers_of(source, X)
        draw = drawing("NAI", "wu", 1.0, found, tensors_of(source), ())
        assert [population.tensor for population in draw.populations] == ["last.weight"]


@pytest.mark.parametrize("name", ["normed", "residual", "twice", "linear", "grouped"])
def test_layers_of_a_module_and_of_its_graph_are_the_same(name: str) -> None:
    model = network(name)
    assert layers_of(model, X) == layers_of(graph.load(model, X[:1]), X)


def test_layers_are_known_by_name() -> None:
    found = layers_of(network("residual"), X)
    assert [layer.name for layer in found] == ["first", "one", "two", "beside", "last"]
    assert found[1].norms[0].scale == "norm.weight"
    with pytest.raises(ModelError, match=r"no convolution or linear layer 'firs' \(did you mean"):
        chosen(found, ["firs"])
    with pytest.raises(ModelError, match="no convolution or linear layer whose weights"):
        layers_of(nn.Sequential(nn.ReLU()), X)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("rate", [1e-6, 0.1, 1.0])
def test_counts_are_shares_and_never_nothing(scheme: str, operator: str, rate: float) -> None:
    draw = drawer(network("residual"), operator, rate, scheme)
    mutant = draw(np.random.default_rng(0))
    counts = [population.units for population in draw.populations]
    least = 2 if operator == "NS" else 1
    if operator == "NS" or SCHEMES[scheme].by_layer:
        expected = sum(n for n in (int(rate * count + 1e-9) for count in counts) if n >= least)
    else:
        expected = int(rate * sum(counts) + 1e-9)
    assert mutant.units == max(least, expected)
    assert draw.units == sum(counts)
    for edit in mutant.edits:
        assert len(np.unique(edit.index)) == len(edit.index)


def test_units_of_the_schemes() -> None:
    model = network("residual")
    convolutions = 6 + 10 + 10 + 5
    assert drawer(model, "NAI").units == convolutions
    assert drawer(model, "NAI", scheme="wang").units == convolutions + 4
    assert drawer(model, "NAI", unit="kernel").units == 6 * 3 + 10 * 6 + 10 * 10 + 5 * 6
    everything = sum(parameter.numel() for parameter in model.parameters())
    assert drawer(model, "GF", scheme="wang").units == everything
    weights = sum(parameter.numel() for parameter in model.parameters() if parameter.ndim > 1)
    assert drawer(model, "GF", scheme="deepmutation").units == weights
    assert drawer(model, "NS", scheme="wang").units == 20
    assert drawer(network("linear"), "NAI").units == 12 + 10 + 4


def test_shuffling_keeps_the_weights_of_a_unit() -> None:
    for unit in ("filter", "kernel"):
        model = network("plain")
        mutant = drawn(model, "WS", 0.2, unit=unit)
        for edit in mutant.edits:
            before = tensors_of(model)[edit.tensor].detach()
            old = before[edit.place(before)].flatten(1)
            new = torch.from_numpy(edit.values).flatten(1)
            assert torch.equal(old.sort(1).values, new.sort(1).values)
            assert not torch.equal(old, new)


def test_a_switch_exchanges_channels() -> None:
    model = network("normed")
    mutant = drawn(model, "NS", 0.5, seed=1)
    values = outputs(model, "1")
    before = values()
    with mutated(model, mutant):
        after = values()
    edit = next(edit for edit in mutant.edits if edit.tensor == "0.weight")
    assert sorted(edit.index) == sorted(edit.source)
    assert (edit.index != edit.source).all()
    torch.testing.assert_close(after[:, edit.index], before[:, edit.source])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_fuzzed_weights_have_the_distribution_of_the_scheme(scheme: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 200, 3), nn.Flatten()).double()
    weight = model.get_parameter("0.weight")
    with torch.no_grad():
        weight[:, 0, 0, 0] += 1
    draw = drawing("GF", scheme, 1.0, layers_of(model, X), tensors_of(model), ("0.weight",))
    (edit,) = draw(np.random.default_rng(0)).edits
    old, new = weight.detach().numpy().reshape(200, -1), edit.values.reshape(200, -1)
    noise = new - old
    mean, deviation = {
        "wu": (old.mean(0), old.std(0)),
        "wang": (np.full(27, old.mean()), np.full(27, old.std())),
        "deepmutation": (old.mean(0), np.hypot(old.std(0), old.std())),
    }[scheme]
    error = deviation / math.sqrt(200)
    assert (np.abs(new.mean(0) - mean) < 4.5 * error).all()
    assert (np.abs(new.std(0) - deviation) < 4.5 * error).all()
    # Only `deepmutation` fuzzes around the weight that is there.
    correlation = np.corrcoef(old[:, 1:].ravel(), new[:, 1:].ravel())[0, 1]
    assert (correlation > 0.3) == (scheme == "deepmutation")
    assert noise.std() > 0


def test_what_cannot_be_drawn() -> None:
    model = network("plain")
    for rate in (0, -0.1, 1.5, math.nan):
        with pytest.raises(DomainError, match="above 0 and at most 1"):
            drawer(model, "NAI", rate)
    with pytest.raises(DomainError, match=r"no operator 'NAJ' \(did you mean 'NAI'\?\)"):
        drawer(model, "NAJ")
    with pytest.raises(DomainError, match="no scheme 'ma'"):
        drawer(model, "NAI", scheme="ma")
    with pytest.raises(DomainError, match=r"unit is 'weight'.*WS knows filter, kernel"):
        drawer(model, "WS", unit="weight")
    with pytest.raises(DomainError, match="spread is 0"):
        drawer(model, "GF", spread=0)
    pointwise = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten()).double()
    with pytest.raises(ModelError, match="no layer of the model has units that WS"):
        drawing("WS", "wu", 0.1, layers_of(pointwise, X[:, :1]), tensors_of(pointwise), ())
