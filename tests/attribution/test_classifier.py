"""The classifier: what it computes, what it refuses, and that the model stays as it was."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import torch
from tests.attribution.networks import cnn, images
from torch import Tensor, nn

from affidavit.attribution import Classifier, Preprocessing
from affidavit.errors import DataError, DomainError, ModelError
from affidavit.graph import load


def test_scores_are_those_of_the_model_in_evaluation_mode() -> None:
    model, pixels = cnn().train(), images(5)
    shown = Preprocessing((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    found = Classifier(model, shown).scores(pixels, batch_size=2)
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.3, 0.4])
    x = (pixels - mean[:, None, None]) / std[:, None, None]
    assert model.training
    torch.testing.assert_close(found, copy.deepcopy(model).eval()(x))
    assert not found.requires_grad


def test_any_callable_prepares() -> None:
    model, pixels = cnn().eval(), images(2)
    found = Classifier(model, lambda x: 2 * x - 1).scores(pixels)
    torch.testing.assert_close(found, model(2 * pixels - 1).detach())


@pytest.mark.parametrize("end", [nn.Softmax(1), nn.Sequential(nn.Softmax(1), nn.Flatten())])
def test_a_softmax_at_the_end_is_undone(end: nn.Module) -> None:
    model, pixels = cnn().eval(), images(3)
    expected = model(pixels).log_softmax(1)
    with torch.no_grad():
        found = Classifier(nn.Sequential(model, end))(pixels)
    torch.testing.assert_close(found, expected.detach())
    graph = load(nn.Sequential(model, nn.Softmax(1)), pixels[:1])
    torch.testing.assert_close(Classifier(graph).scores(pixels).log_softmax(1), expected.detach())


@pytest.mark.parametrize("end", [nn.Identity(), nn.LogSoftmax(1), nn.ReLU()])
def test_other_ends_are_left_as_they_are(end: nn.Module) -> None:
    model, pixels = nn.Sequential(cnn(), end).eval(), images(3)
    torch.testing.assert_close(Classifier(model)(pixels), model(pixels))


def test_what_the_model_gives_can_be_stated() -> None:
    model, pixels = nn.Sequential(cnn(), nn.Softmax(1)).eval(), images(3)
    p = model(pixels).detach()
    torch.testing.assert_close(Classifier(model, outputs="logits").scores(pixels), p)
    torch.testing.assert_close(Classifier(model, outputs="probabilities").scores(pixels), p.log())


def test_a_graph_gives_what_its_module_gives() -> None:
    model, pixels = cnn().eval(), images(3)
    graph = load(model, pixels[:1])
    torch.testing.assert_close(Classifier(graph).scores(pixels), Classifier(model).scores(pixels))
    leaf = pixels.clone().requires_grad_(True)
    with Classifier(graph).evaluating() as classifier:
        classifier(leaf)[:, 1].sum().backward()
    assert leaf.grad is not None
    assert (leaf.grad != 0).any()


class RaisedError(Exception):
    pass


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_as_it_was(fails: bool) -> None:
    model = cnn()
    model.train()
    model[1].eval()
    model[0].weight.requires_grad_(False)
    weight = model[4].get_parameter("weight")
    weight.grad = torch.ones_like(weight)
    seen: list[str] = []
    model[4].register_forward_hook(lambda *_: seen.append("mine"))
    before = copy.deepcopy(model.state_dict())
    classifier = Classifier(model)
    try:
        with classifier.evaluating():
            assert not any(part.training for part in model.modules())
            assert not any(one.requires_grad for one in model.parameters())
            model[4].register_forward_hook(lambda *_: seen.append("theirs"))
            model[6].register_full_backward_hook(lambda *_: None)
            weight.grad = None
            with classifier.evaluating():
                classifier(images())
            if fails:
                raise RaisedError
    except RaisedError:
        assert fails
    assert model.training
    assert not model[1].training
    assert [part.training for part in model.children()].count(False) == 1
    flags = {name: one.requires_grad for name, one in model.named_parameters()}
    assert [name for name, flag in flags.items() if not flag] == ["0.weight"]
    assert weight.grad is not None
    seen.clear()
    model(images())
    assert seen == ["mine"]
    assert not model[6]._backward_hooks
    model[1].eval()
    after = model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (images() * 255, r"the inputs range over \[.*\]; expected values in \[0, 1\]"),
        (images() - 0.5, "preprocessing=..., or state their range with data_range"),
        ((images() * 255).to(torch.uint8), "torch.uint8; expected a floating tensor; divide by"),
        (images().numpy(), "the inputs are ndarray"),
        (torch.zeros(3), re.escape("the shape [3]; expected a batch")),
        (torch.zeros(3, 3, 0, 4), re.escape("the shape [3, 3, 0, 4]")),
        (images(3, channels=1), "1 channels; the preprocessing is for 3"),
        (torch.full((2, 3, 8, 8), torch.nan), "input 0 has values that are NaN or infinite"),
    ],
)
def test_inputs_that_it_refuses(pixels: Any, message: str) -> None:
    classifier = Classifier(cnn(), Preprocessing((0.5,) * 3, (0.2,) * 3))
    with pytest.raises(DataError, match=message):
        classifier.scores(pixels)


def test_the_range_is_what_was_stated() -> None:
    classifier = Classifier(cnn().eval(), data_range=(-1, 1))
    classifier.check(images() * 2 - 1)
    with pytest.raises(DataError, match=r"expected values in \[-1, 1\]"):
        classifier.check(images() * 2)


def test_an_empty_batch_passes_the_check_but_has_no_scores() -> None:
    classifier = Classifier(cnn())
    classifier.check(images(0))
    with pytest.raises(DataError, match="an empty batch has no scores"):
        classifier.scores(images(0))


class Sick(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        scores = x.flatten(1)[:, :3].clone()
        scores[1:2] = torch.nan
        return scores


def test_a_network_that_gives_nan() -> None:
    with pytest.raises(ModelError, match=r"NaN or infinite scores for input 1 \(1 of 4\)"):
        Classifier(Sick()).scores(images())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(768, 1)), r"gave \[4, 1\]; expected a score"),
        (nn.Flatten(0), r"gave \[3072\] for a batch of 4"),
        (nn.LSTM(16, 3), "gave tuple for a batch of 4"),
    ],
)
def test_models_that_are_no_classifiers(model: nn.Module, message: str) -> None:
    pixels = images() if not isinstance(model, nn.LSTM) else torch.rand(4, 5, 16)
    with pytest.raises(ModelError, match=message):
        Classifier(model).scores(pixels)


def test_arguments_that_make_no_sense() -> None:
    with pytest.raises(ModelError, match="the model is a str; expected"):
        Classifier("digits.onnx")  # type: ignore[arg-type]
    with pytest.raises(DomainError, match=r"data_range is \(1, 0\)"):
        Classifier(cnn(), data_range=(1, 0))
    with pytest.raises(DomainError, match="outputs is 'odds'"):
        Classifier(cnn(), outputs="odds")  # type: ignore[arg-type]
    with pytest.raises(DomainError, match="1 means and 2 deviations"):
        Preprocessing((0.5,), (0.1, 0.2))
    with pytest.raises(DomainError, match="every std above 0"):
        Preprocessing((0.5,), (0.0,))
