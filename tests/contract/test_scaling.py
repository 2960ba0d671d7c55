"""Models that take inputs in units of their range or standard deviation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from affidavit.certify.explanation_properties import explanations
from affidavit.contract.scaling import in_units
from affidavit.data import Dataset
from affidavit.graph import Graph, load


@pytest.fixture
def subject() -> tuple[nn.Sequential, Graph, Dataset]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(30, 3)) * [100.0, 0.01, 0.0] + [5.0, 3.0, 7.0]
    data = Dataset("d", inputs.astype(np.float32), np.arange(30) % 2, ("a", "b"))
    return model, load(model, torch.zeros(1, 3)), data


@pytest.mark.parametrize("normalise", [None, "range", "sigma"])
def test_the_same_outputs_and_scaled_gradients(subject: Any, normalise: Any) -> None:
    model, graph, data = subject
    units = in_units(graph, data, normalise)
    u = units.of(data.inputs)
    np.testing.assert_allclose(units.back(u), data.inputs, rtol=1e-12)
    y = units.graph(torch.from_numpy(u))
    assert y.dtype == torch.float64
    expected = model.double()(torch.tensor(data.inputs).double())
    torch.testing.assert_close(y, expected, rtol=1e-9, atol=1e-9)
    found = explanations(units.graph, torch.from_numpy(u))
    plain = explanations(graph.to(torch.float64), torch.tensor(data.inputs).double())
    scale = {None: np.ones(3), "range": np.ptp(data.inputs, 0), "sigma": data.inputs.std(0)}
    torch.testing.assert_close(
        found, plain * torch.from_numpy(scale[normalise]).double(), rtol=1e-5, atol=1e-9
    )
    # What adversaries change are the model's parameters, not the units.
    assert set(units.graph.parameters) == set(graph.parameters)


def test_data_lie_in_their_range(subject: Any) -> None:
    _, graph, data = subject
    for normalise in (None, "range", "sigma"):
        units = in_units(graph, data, normalise)
        u = units.of(data.inputs)
        assert (u >= units.lower).all()
        assert (u <= units.upper).all()
    wide = in_units(graph, data, "range")
    np.testing.assert_allclose((wide.upper - wide.lower)[:2], 1.0, rtol=1e-6)


def test_a_constant_feature_stays_where_it_is(subject: Any) -> None:
    _, graph, data = subject
    units = in_units(graph, data, "sigma")
    u = units.of(data.inputs)
    u[:, 2] += 5.0
    assert (units.back(u)[:, 2] == 7.0).all()
    assert (units.upper - units.lower)[2] == 0.0
