"""The largest certified size of each input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from affidavit.certify import gradient_bounds, untargeted
from affidavit.certify.explanation_properties import Untargeted, explanations
from affidavit.certify.properties import Prediction
from affidavit.certify.reach import largest_sizes
from affidavit.graph import load


@pytest.fixture
def subject() -> Any:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3)).double()
    x = torch.rand(9, 4, dtype=torch.float64)
    return load(model, x[:1]), x, model(x).argmax(1)


@pytest.mark.parametrize("which", ["epsilon", "gamma"])
def test_sizes_are_certified_and_a_little_more_is_not(subject: Any, which: Any) -> None:
    graph, x, _ = subject
    found = largest_sizes(
        graph, x, Untargeted(tau=0.02), which, 0.2, method="ibp", steps=12, batch_size=4
    )
    assert found.finished
    clean = explanations(graph, x)

    def certified(row: int, size: float) -> bool:
        box: Any = {which: size}
        bounds = gradient_bounds(graph, x[row : row + 1], **box)
        return bool(untargeted(bounds, clean[row : row + 1], tau=0.02).certified)

    assert len(set(found.sizes.tolist())) > 3
    for row, size in enumerate(found.sizes.tolist()):
        assert 0 <= size <= 0.2
        assert certified(row, size)
        assert size == 0.2 or not certified(row, size + 0.2 / 2**12 + 1e-12)


def test_a_tighter_method_reaches_further(subject: Any) -> None:
    graph, x, labels = subject
    ibp, auto = (
        largest_sizes(graph, x, Prediction(labels), "epsilon", 0.3, method=method, steps=8).sizes
        for method in ("ibp", "auto")
    )
    assert (auto >= ibp).all()
    assert (auto > ibp).any()


def test_what_is_wrong_from_the_start_is_certified_nowhere(subject: Any) -> None:
    graph, x, labels = subject
    wrong = Prediction((labels + 1) % 3)
    sizes = largest_sizes(graph, x, wrong, "epsilon", 0.3).sizes
    assert (sizes == -np.inf).all()


def test_a_limit_leaves_the_rest_undefined(subject: Any) -> None:
    graph, x, labels = subject
    found = largest_sizes(graph, x, Prediction(labels), "epsilon", 0.3, seconds=-1.0)
    assert not found.finished
    assert "came first" in found.reason
    assert np.isnan(found.sizes).all()
