"""Weights of features against the paper's equations, worked out layer by layer."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference.linear_models import linear_model
from tests.regions.networks import layers, mlp
from torch import nn

from affidavit.errors import DomainError, ModelError
from affidavit.regions import Box, Slice, partition, weights


@pytest.fixture(scope="module")
def model() -> nn.Sequential:
    return mlp([3, 7, 5, 3], seed=1)


LOWER, UPPER = np.array([-1.0, 0.0, -2.0]), np.array([1.0, 3.0, 2.0])


def test_weights_are_masked_products_times_the_ranges(model: nn.Sequential) -> None:
    found = partition(model, Box(LOWER, UPPER))
    assert len(found) > 20
    result = weights(found)
    biases = found.maps()[1]
    for region, x in enumerate(found.inputs()):
        weight, bias = linear_model(layers(model), x)[-1]
        assert np.allclose(result.values[region], weight * (UPPER - LOWER), atol=1e-12)
        assert np.allclose(biases[region], bias, atol=1e-12)


def test_weights_of_an_output_a_margin_and_other_scales(model: nn.Sequential) -> None:
    found = partition(model, Box(LOWER, UPPER))
    slopes = np.stack([linear_model(layers(model), x)[-1][0] for x in found.inputs()])
    sigma = np.array([0.5, 2.0, 0.1])
    one = weights(found, output=1, normalise="sigma", sigma=sigma)
    assert np.allclose(one.values, slopes[:, 1] * sigma)
    margin = weights(found, output=(2, 0), normalise="none")
    assert np.allclose(margin.values, slopes[:, 2] - slopes[:, 0])
    ranges = [[0, 1], [-np.inf, np.inf], [0, 4]]
    mixed = weights(found, output=0, ranges=ranges, sigma=sigma)
    assert np.allclose(mixed.values, slopes[:, 0] * [1, 6 * 2.0, 4])


def test_a_weight_is_the_change_of_the_output_over_the_range() -> None:
    """Definition 2 on a network with one region."""
    model = nn.Linear(2, 1)
    found = partition(model, Box([0, -3], [2, 5]))
    weight = model.weight.detach().numpy()[0]
    assert np.allclose(weights(found).values, [weight * [2, 8]])


def test_ranks_break_ties_by_index() -> None:
    model = nn.Linear(4, 1)
    nn.init.constant_(model.weight, 0.5)
    model.weight.data[0, 2] = -2.0
    found = weights(partition(model, Box(-np.ones(4), np.ones(4))))
    assert found.ranks.tolist() == [[2, 3, 1, 4]]
    assert found.total_ranks.tolist() == [2, 3, 1, 4]
    assert np.allclose(found.totals, [1, 1, 4, 1])
    assert np.allclose(found.signed_totals, [1, 1, -4, 1])


def test_totals_are_means_over_the_domain(model: nn.Sequential) -> None:
    found = partition(model, Box(LOWER, UPPER))
    result = weights(found, output=0)
    generator = np.random.default_rng(0)
    x = generator.uniform(LOWER, UPPER, (40_000, 3))
    sampled = result.values[found.locate(x)]
    error = 5 * sampled.std(0) / 200
    assert (np.abs(np.abs(sampled).mean(0) - result.totals) < error + 1e-12).all()
    assert (np.abs(sampled.mean(0) - result.signed_totals) < error + 1e-12).all()
    assert (np.abs(result.signed_totals) < result.totals).any()


def test_weights_of_the_decision_and_of_the_two_first(model: nn.Sequential) -> None:
    box = Box(LOWER, UPPER)
    ranked = partition(model, box, refine="ranking")
    margin = weights(ranked, output="margin", normalise="none").values
    chosen = weights(ranked, output="decision", normalise="none").values
    for region, x in enumerate(ranked.inputs()):
        weight, bias = linear_model(layers(model), x)[-1]
        first, second = np.argsort(-(weight @ x + bias))[:2]
        assert np.allclose(margin[region], weight[first] - weight[second])
        assert np.allclose(chosen[region], weight[first])
    decided = partition(model, box, refine="decision")
    chosen = weights(decided, output="decision", normalise="none").values
    for region, x in enumerate(decided.inputs()):
        weight, bias = linear_model(layers(model), x)[-1]
        assert np.allclose(chosen[region], weight[np.argmax(weight @ x + bias)])


def test_affine_maps_of_every_layer(model: nn.Sequential) -> None:
    found = partition(model, Box(LOWER, UPPER))
    source = found.network.view.source
    linear = [node.name for node in source.nodes if type(node.op).__name__ == "Linear"]
    assert len(linear) == 3
    for layer, name in enumerate(linear):
        result = weights(found, value=name, output="all", normalise="none")
        for region, x in enumerate(found.inputs()):
            assert np.allclose(result.values[region], linear_model(layers(model), x)[layer][0])


def test_values_merged_away_have_weights_too() -> None:
    first, norm = nn.Linear(2, 4), nn.BatchNorm1d(4)
    assert norm.running_mean is not None
    norm.running_mean.normal_()
    model = nn.Sequential(first, norm, nn.ReLU(), nn.Linear(4, 2)).eval()
    found = partition(model, Box([-1, -1], [1, 1]))
    names = [node.name for node in found.network.view.source.nodes]
    result = weights(found, value=names[0], normalise="none", output="all")
    assert np.allclose(result.values, first.weight.detach().numpy()[None])


def test_a_slice_takes_ranges_of_the_fixed_features(model: nn.Sequential) -> None:
    found = partition(model, Slice([0.1, 0.2, 0.3], [2, 0], [-1, -1], [1, 1]))
    slopes = np.stack([linear_model(layers(model), x)[-1][0] for x in found.inputs()])
    assert np.allclose(weights(found).values, slopes * [2, 0, 2])
    ranges = np.stack([LOWER, UPPER], 1)
    assert np.allclose(weights(found, ranges=ranges).values, slopes * (UPPER - LOWER))


def test_arguments_that_do_not_fit(model: nn.Sequential) -> None:
    found = partition(model, Box(LOWER, UPPER))
    for arguments, message in (
        ({"output": 3}, "there is no output 3: the network has 0 to 2"),
        ({"output": (1, 1)}, "two different outputs"),
        ({"output": True}, "True is no output"),
        ({"output": "best"}, "output = 'best'"),
        ({"output": "decision"}, "does not tell decisions apart"),
        ({"output": "margin"}, "does not tell rankings apart"),
        ({"normalise": "sigma"}, "needs sigma"),
        ({"normalise": "sigma", "sigma": [1, 2]}, r"sigma has the shape \[2\]"),
        ({"normalise": "sigma", "sigma": [1, -2, 1]}, "negative or NaN"),
        ({"normalise": "mean"}, "normalise = 'mean'"),
        ({"ranges": [[0, 1], [1, 0], [0, 1]]}, "a lower end above"),
        ({"ranges": [[0, 1], [0, np.inf], [0, 1]]}, "feature 1 has an infinite range"),
    ):
        with pytest.raises(DomainError, match=message):
            weights(found, **arguments)
    with pytest.raises(ModelError, match="no node 'nothing'"):
        weights(found, value="nothing")
    with pytest.raises(DomainError, match="does not depend on the input"):
        weights(found, value=next(iter(found.network.view.source.tensors)))
