from __future__ import annotations

import copy
from itertools import product

import numpy as np
import pytest
import torch
from tests.mutation.networks import NETWORKS, inputs, network
from tests.reference import model_copies
from torch import Tensor, nn

from affidavit import graph
from affidavit.errors import DataError, DomainError, EngineError, ModelError
from affidavit.mutation import Mutant, evaluation, label_change_rate, predictions, votes
from affidavit.mutation.edits import negate, tensors_of
from affidavit.mutation.evaluation import evaluator
from affidavit.mutation.generation import parameters_of
from affidavit.mutation.layers import layers_of
from affidavit.mutation.operators import OPERATORS, SCHEMES, drawing

X = inputs()


def some_mutants(model: nn.Module, x: Tensor = X) -> list[Mutant]:
    """Mutants by every operator of every scheme, of few and of many units."""
    layers, found = layers_of(model, x), []
    for number, (scheme, operator) in enumerate(product(SCHEMES, OPERATORS)):
        rate = (0.001, 0.1, 0.4)[number % 3]
        draw = drawing(operator, scheme, rate, layers, tensors_of(model), parameters_of(model))
        found.append(draw(np.random.default_rng(number)))
    return found


@pytest.mark.parametrize("name", list(NETWORKS))
def test_equals_the_loop_over_copies(name: str) -> None:
    model = network(name)
    mutants = some_mutants(model)
    before = copy.deepcopy(model.state_dict())
    found = label_change_rate(model, mutants, X, batch_size=5)
    assert torch.equal(found, model_copies.label_change_rate(model, mutants, X))
    assert found.dtype == torch.float64
    assert found.max() > 0
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "untraceable"])
def test_scores_of_mutants_agree_with_copies(name: str) -> None:
    model = network(name)
    mutants = some_mutants(model)
    own, expected = model_copies.scores(model, mutants, X)
    ready = evaluator(model, X, "graph")
    with ready.ready():
        ((_, opened),) = ready.blocks(X, len(X))
        values = opened.values  # type: ignore[attr-defined]
        torch.testing.assert_close(values.scores, own, rtol=1e-9, atol=1e-9)
        for mutant, scores in zip(mutants, expected, strict=True):
            torch.testing.assert_close(values.scores_of(mutant), scores, rtol=1e-9, atol=1e-9)
            part = values.rows(torch.arange(len(X)) % 3 == 0).scores_of(mutant)
            torch.testing.assert_close(part, scores[::3], rtol=1e-9, atol=1e-9)
        # Nothing that mutants did is left in the values that they share.
        torch.testing.assert_close(values.scores, own, rtol=1e-9, atol=1e-9)
        again = values.scores_of(mutants[0])
    torch.testing.assert_close(again, expected[0], rtol=1e-9, atol=1e-9)


def test_engines_and_graphs_agree() -> None:
    model = network("residual")
    mutants = some_mutants(model)
    made = graph.load(model, X[:1])
    by_engine = [votes(model, mutants, X, engine=engine) for engine in ("auto", "graph", "module")]
    assert all(torch.equal(found, by_engine[0]) for found in by_engine)
    assert torch.equal(votes(made, mutants, X), by_engine[0])
    assert by_engine[0].dtype == torch.bool
    assert by_engine[0].shape == (len(mutants), len(X))


def test_single_precision_agrees_but_for_near_ties() -> None:
    model = network("normed").float()
    x = X.float()
    mutants = some_mutants(model, x)
    own, others = model_copies.scores(model, mutants, x)
    found = predictions(model, mutants, x)
    for scores, classes in zip([own, *others], found, strict=True):
        top = scores.topk(2, 1).values
        clear = top[:, 0] - top[:, 1] > 1e-4
        assert clear.sum() > len(x) / 2
        assert torch.equal(classes[clear], scores.argmax(1)[clear])


def test_no_inputs_have_no_rates() -> None:
    model = network("plain")
    mutants = some_mutants(model)
    assert label_change_rate(model, mutants, X[:0]).shape == (0,)
    assert votes(model, mutants, X[:0]).shape == (len(mutants), 0)


def test_bad_inputs() -> None:
    model, nan = network("plain"), X.clone()
    mutants = some_mutants(model)
    nan[3, 0, 0, 0] = torch.nan
    with pytest.raises(DataError, match=r"input 3 has values that are NaN or infinite \(1 of 12"):
        label_change_rate(model, mutants, nan)
    with pytest.raises(DataError, match="expected a floating tensor"):
        label_change_rate(model, mutants, X.long())
    with pytest.raises(DomainError, match="no mutants"):
        label_change_rate(model, [], X)
    with pytest.raises(DomainError, match="batch_size is 0"):
        label_change_rate(model, mutants, X, batch_size=0)
    with pytest.raises(DomainError, match="engine is 'fast'; expected auto, graph, module"):
        label_change_rate(model, mutants, X, engine="fast")
    with pytest.raises(ModelError, match="made from another model"):
        label_change_rate(model, [Mutant((negate("0.weigth", np.array([0])),), 1)], X)
    with pytest.raises(ModelError, match=r"does not fit its shape \[6, 3, 3, 3\]"):
        label_change_rate(model, [Mutant((negate("0.weight", np.array([6])),), 1)], X)


def test_models_that_cannot_be_asked() -> None:
    with pytest.raises(EngineError, match="the module has no graph"):
        label_change_rate(
            network("untraceable"), some_mutants(network("untraceable")), X, engine="graph"
        )
    single = nn.Sequential(nn.Flatten(), nn.Linear(192, 1)).double()
    with pytest.raises(ModelError, match="two or more classes"):
        label_change_rate(single, [Mutant((negate("1.weight", np.array([0])),), 1)], X)
    broken = network("plain")
    with torch.no_grad():
        tensors_of(broken)["6.bias"][0] = torch.nan
    with pytest.raises(ModelError, match="NaN or infinite scores"):
        label_change_rate(broken, [Mutant((negate("0.weight", np.array([0])),), 1)], X)
    with pytest.raises(ModelError, match="is a str"):
        label_change_rate("model.onnx", some_mutants(broken), X)  # type: ignore[arg-type]


def test_large_values_are_held_for_fewer_inputs_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network("residual")
    made = some_mutants(model)
    ready = evaluator(model, X)
    assert ready.folded is not None
    of_one = ready.folded.values_of_one * X.element_size()
    whole = votes(model, made, X)
    for room, most in ((0, 1), (of_one, 1), (3 * of_one, 3)):
        monkeypatch.setattr(evaluation, "SHARED_BYTES", room)
        with ready.ready():
            sizes = [place.stop - place.start for place, _ in ready.blocks(X, len(X))]
        assert max(sizes) == most
        assert sum(sizes) == len(X)
        assert torch.equal(votes(model, made, X), whole)


def test_a_batch_norm_that_has_two_names() -> None:
    torch.manual_seed(0)
    block = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3, affine=False))
    model = nn.Sequential(block, nn.ReLU(), block, nn.Flatten(), nn.Linear(192, 4)).double()
    block[1].get_buffer("running_mean").normal_()
    mutants = [Mutant((negate("0.1.running_mean", np.array([0, 1, 2])),), 3)]
    found = label_change_rate(model, mutants, X)
    assert torch.equal(found, model_copies.label_change_rate(model, mutants, X))
    assert found.max() > 0
