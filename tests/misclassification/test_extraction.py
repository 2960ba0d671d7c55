"""Extraction: what is taken from models, that they stay as they were, and what is refused."""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np
import pytest
import torch
from tests.attribution.networks import cnn, images
from torch import Tensor, nn

from affidavit.attribution import Classifier, Preprocessing, conductance
from affidavit.errors import AffidavitError, DataError, DomainError, ModelError
from affidavit.graph import Graph, load
from affidavit.misclassification.extraction import Extraction, extract
from affidavit.misclassification.signals import NEEDS
from affidavit.mutation import label_change_rate, mutants

SHOWN = Preprocessing((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))


@functools.cache
def traced() -> Graph:
    """The graph of `cnn()`, which takes a while to make."""
    return load(cnn().eval(), images(1))


def made_mutants(model: nn.Module, inputs: Tensor) -> Any:
    labels = model.eval()(inputs).argmax(1)
    return mutants(
        model, operator="NAI", rate=0.1, n=4, keep_above=0.1, inputs=inputs, labels=labels, seed=0
    )


def test_everything_at_once_is_what_each_part_gives() -> None:
    model, x = cnn().eval(), images(10)
    changed = made_mutants(model, x)
    others = [cnn(seed=1).eval(), cnn(seed=2).eval()]
    settings = Extraction(
        layers=["4"], mutants=changed, ensemble=others, passes=3, batch_size=4, seed=7
    )
    model.train()
    found = extract(model, x, NEEDS, settings=settings)
    assert model.training
    model.eval()
    logits = model(x).detach()
    order = logits.argsort(1, descending=True)
    np.testing.assert_allclose(found.logits, logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.predicted, order[:, 0])
    assert found.penultimate is not None
    np.testing.assert_allclose(found.penultimate, model[:-1](x).detach(), rtol=1e-5, atol=1e-6)
    for place, values in enumerate((found.conductance, found.runner_up)):
        expected = conductance(model, ["4"], x, target=order[:, place], graph=traced()).values["4"]
        np.testing.assert_allclose(values["4"], expected, rtol=1e-4, atol=1e-5)
    rate = label_change_rate(model, changed, x)
    np.testing.assert_array_equal(found.label_change_rate, rate)
    ensemble = torch.stack([other(x).softmax(1) for other in others], 1).detach()
    np.testing.assert_allclose(found.members["ensemble"], ensemble, rtol=1e-5, atol=1e-6)
    assert found.has == set(NEEDS)


def test_passes_with_dropout() -> None:
    model, x = cnn(), images(6)
    state = torch.random.get_rng_state()
    settings = Extraction(passes=400, batch_size=3)
    found = extract(model, x, ["dropout"], settings=settings).members["dropout"]
    assert found.shape == (6, 400, 3)
    np.testing.assert_allclose(found.sum(2), 1, rtol=1e-5)
    assert torch.equal(torch.random.get_rng_state(), state)
    again = extract(model, x, ["dropout"], settings=settings).members["dropout"]
    np.testing.assert_array_equal(found, again)
    other = extract(model, x, ["dropout"], settings=Extraction(passes=400, batch_size=3, seed=1))
    assert not np.array_equal(found, other.members["dropout"])
    # Only the dropout is on: with it off, batch norm in evaluation mode gives these features.
    features = model.eval()[:-2](x).detach()
    kept = (torch.rand(2000, 1, 48, generator=torch.Generator().manual_seed(0)) > 0.2) / 0.8
    expected = model[-1](kept * features).softmax(2).mean(0).detach()
    np.testing.assert_allclose(found.mean(1), expected, atol=0.03)


@pytest.mark.parametrize("kind", ["module", "graph", "classifier", "softmax"])
def test_kinds_of_models_agree(kind: str) -> None:
    model, x = cnn().eval(), images(7)
    given: Any = {
        "module": model,
        "graph": traced(),
        "classifier": Classifier(model),
        "softmax": nn.Sequential(model, nn.Softmax(1)).eval(),
    }[kind]
    needs, settings = (
        ["penultimate", "conductance"],
        Extraction(layers=["4"], batch_size=3, graph=traced()),
    )
    expected = extract(model, x, needs, settings=settings)
    if kind == "softmax":
        settings = Extraction(layers=["0.4"], batch_size=3)
    found = extract(given, x, needs, settings=settings)
    shift = found.logits - expected.logits
    np.testing.assert_allclose(shift, shift[:, :1] * np.ones(3), atol=1e-4)
    assert found.penultimate is not None
    assert expected.penultimate is not None
    np.testing.assert_allclose(found.penultimate, expected.penultimate, rtol=1e-4, atol=1e-5)
    (ours,), (theirs,) = found.conductance.values(), expected.conductance.values()
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_a_classifier_s_preprocessing_and_baseline() -> None:
    model, pixels = cnn().eval(), images(5)
    settings = Extraction(layers=["4"], graph=traced())
    found = extract(Classifier(model, SHOWN), pixels, ["conductance"], settings=settings)
    black = SHOWN(torch.zeros_like(pixels[:1]))
    expected = conductance(model, ["4"], SHOWN(pixels), baselines=black, graph=traced()).values["4"]
    np.testing.assert_allclose(found.conductance["4"], expected, rtol=1e-4, atol=1e-5)
    grey = Extraction(layers=["4"], baselines=torch.full_like(pixels[:1], 0.5), graph=traced())
    found = extract(Classifier(model, SHOWN), pixels, ["conductance"], settings=grey)
    expected = conductance(
        model,
        ["4"],
        SHOWN(pixels),
        baselines=SHOWN(torch.full_like(pixels[:1], 0.5)),
        graph=traced(),
    ).values["4"]
    np.testing.assert_allclose(found.conductance["4"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_as_it_was(fails: bool) -> None:
    model = cnn().train()
    model[1].eval()
    before = copy.deepcopy(model.state_dict())
    x = images(5)
    settings = Extraction(layers=["nowhere" if fails else "4"], passes=2, graph=traced())
    needs = ["penultimate", "dropout", "conductance"]
    if fails:
        with pytest.raises(ModelError, match="nowhere"):
            extract(model, x, needs, settings=settings)
    else:
        extract(model, x, needs, settings=settings)
    assert [part.training for part in model.children()] == [i != 1 for i in range(10)]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(part._forward_pre_hooks or part._forward_hooks for part in model.modules())
    assert all(one.requires_grad and one.grad is None for one in model.parameters())


def test_an_empty_batch_has_the_widths_of_a_full_one() -> None:
    model, x = cnn().eval(), images(4)
    settings = Extraction(layers=["4"], ensemble=[cnn(seed=1)], passes=2, graph=traced())
    needs = set(NEEDS) - {"runner_up", "label_change_rate"}
    full, empty = (extract(model, some, needs, settings=settings) for some in (x, x[:0]))
    shapes = {name: array.shape[1:] for name, array in full._arrays().items()}
    assert {name: array.shape[1:] for name, array in empty._arrays().items()} == shapes
    assert len(empty) == 0


def test_arrays_take_the_model_s_dtype() -> None:
    model, x = cnn().eval(), images(3)
    expected = extract(model, x)
    np.testing.assert_array_equal(extract(model, x.double().numpy()).logits, expected.logits)
    frozen = x.numpy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(extract(model, frozen).logits, expected.logits)


def broken(rows: list[int]) -> Tensor:
    x = images(4)
    x[rows, 0, 0, 0] = torch.nan
    return x


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (broken([1, 3]), "inputs 1, 3 of 4 have values that are NaN or infinite"),
        (broken([2]).numpy(), "input 2 of 4 have values"),
        (images(4).to(torch.uint8), "torch.uint8; expected a floating batch"),
        (torch.zeros(4), r"shape \[4\]; expected a batch"),
        (torch.zeros(4, 0), r"shape \[4, 0\]"),
        (np.array(["a"]), "no array of numbers"),
    ],
    ids=["nan", "one", "integers", "axes", "nothing", "words"],
)
def test_inputs_that_it_refuses(inputs: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        extract(cnn(), inputs)


def test_pixels_outside_of_the_range_of_a_classifier() -> None:
    with pytest.raises(DataError, match="the inputs range over"):
        extract(Classifier(cnn()), images(3) * 255)


class Sick(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        scores = x.flatten(1)[:, :3].clone()
        scores[1:2] = torch.nan
        return scores


@pytest.mark.parametrize(
    ("model", "needs", "settings", "message"),
    [
        (cnn(), ["logit"], {}, r"no signal 'logit' \(did you mean 'logits'\?\)"),
        (cnn(), ["conductance"], {}, "conductance was asked for, which takes layers="),
        (cnn(), ["runner_up"], {}, "runner_up was asked for, which takes layers="),
        (cnn(), ["label_change_rate"], {}, "takes mutants=affidavit.mutation.mutants"),
        (cnn(), ["ensemble"], {}, "takes ensemble="),
        (cnn(), ["conductance"], {"layers": "4"}, r"expected a list: \['4'\]"),
        (cnn(), ["logits"], {"batch_size": 0}, "batch_size is 0"),
        (cnn(), ["ensemble"], {"ensemble": [cnn(), cnn(4)]}, "model 1 of the ensemble has 4"),
        (nn.Sequential(cnn()[:8], nn.Linear(48, 3)), ["dropout"], {}, "no dropout layers"),
        (traced(), ["dropout"], {}, "give the module"),
        (Sick(), ["logits"], {}, "NaN or infinite scores for input 1"),
    ],
    ids=["need", "layers", "runner-up", "mutants", "ensemble", "list", "batch", "classes",
         "no dropout", "graph", "nan scores"],
)  # fmt: skip
def test_what_it_refuses(model: Any, needs: Any, settings: Any, message: str) -> None:
    with pytest.raises(AffidavitError, match=message):
        extract(model, images(4), needs, settings=Extraction(**settings))


def test_a_layer_that_does_not_exist() -> None:
    model = nn.Sequential()
    model.add_module("features", cnn()[:8])
    model.add_module("linear", nn.Linear(48, 3))
    with pytest.raises(ModelError, match="features"):
        extract(model, images(2), ["conductance"], settings=Extraction(layers=["featurs"]))
    with pytest.raises(DomainError, match="batch_size"):
        extract(model, images(2), settings=Extraction(batch_size=0))
