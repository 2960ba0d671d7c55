"""The perceptrons: what is held out, when they stop, and that a score is the network's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from affidavit.misclassification.heads import Perceptron
from affidavit.misclassification.heads.base import split

SETTINGS = {"learning_rate": 0.02, "batch_size": 32}


def problem(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, 5))
    return x, np.hypot(x[:, 0], x[:, 1]) + 0.3 * draw.normal(size=n) > 1.8


def test_a_score_is_the_mean_over_networks() -> None:
    x, wrong = problem(100)
    made = Perceptron((7, 3), restarts=2, epochs=3)
    fitted = made.fit(x, wrong, 0)
    outputs = []
    for restart in range(2):
        network = nn.Sequential(
            nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3), nn.ReLU(), nn.Linear(3, 1), nn.Sigmoid()
        )
        state = {
            f"{2 * layer}.{kind}": torch.tensor(fitted[f"{restart}.{kind}{layer}"])
            for layer in range(3)
            for kind in ("weight", "bias")
        }
        network.load_state_dict(state)
        inputs = torch.tensor((x - x.mean(0)) / x.std(0))
        outputs.append(network.double()(inputs)[:, 0].detach().numpy())
    np.testing.assert_allclose(made.score(fitted, x), np.mean(outputs, axis=0), rtol=1e-6)


def test_a_curved_boundary_with_few_wrong_ones() -> None:
    (x, wrong), (new, truth) = problem(500), problem(500, seed=1)
    assert wrong.mean() < 0.3
    made = Perceptron((32, 32), restarts=2, epochs=40, **SETTINGS)  # type: ignore[arg-type]
    assert roc_auc_score(truth, made.score(made.fit(x, wrong, 0), new)) > 0.93


def test_the_split_keeps_the_proportions() -> None:
    wrong = np.arange(50) < 10
    learn, watch = split(wrong, 0.2, np.random.default_rng(0))
    assert sorted(np.concatenate([learn, watch]).tolist()) == list(range(50))
    assert wrong[watch].sum() == 2
    assert len(watch) == 10
    learn, watch = split(np.arange(4) < 2, 0.99, np.random.default_rng(0))
    assert len(learn) == len(watch) == 2


def test_it_stops_when_nothing_is_gained(monkeypatch: pytest.MonkeyPatch) -> None:
    x, wrong = problem(80)
    areas = iter([0.6, 0.9, 0.8, 0.7, 0.9, 1.0])
    seen = []

    def area(*_: object) -> float:
        seen.append(next(areas))
        return seen[-1]

    monkeypatch.setattr("affidavit.misclassification.heads.perceptron.roc_auc_score", area)
    stopped = Perceptron((4,), restarts=1, epochs=6, patience=3).fit(x, wrong, 0)
    assert seen == [0.6, 0.9, 0.8, 0.7, 0.9]
    # Kept is the epoch of 0.9, the second.
    areas = iter([0.6, 0.9])
    second = Perceptron((4,), restarts=1, epochs=2).fit(x, wrong, 0)
    np.testing.assert_array_equal(stopped["0.weight0"], second["0.weight0"])


def test_seeds_and_the_global_generator() -> None:
    x, wrong = problem(80)
    made = Perceptron((4,), restarts=2, epochs=2)
    state = torch.random.get_rng_state()
    first = made.fit(x, wrong, 0)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not np.array_equal(first["0.weight0"], first["1.weight0"])
    assert not np.array_equal(first["0.weight0"], made.fit(x, wrong, 1)["0.weight0"])
    # Under no_grad too, as a caller may be.
    with torch.no_grad():
        np.testing.assert_array_equal(made.fit(x, wrong, 0)["0.weight0"], first["0.weight0"])
