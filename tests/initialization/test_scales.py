"""Training curves by the scale of the initial weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from tests.initialization.problems import descend, exclusive_or, small
from tests.reference.scaled_training import scaled_training
from torch import nn

from affidavit.errors import DataError, DomainError, ModelError
from affidavit.initialization import scales as scaling
from affidavit.initialization.scales import training_curves_by_scale
from affidavit.initialization.searching import search
from affidavit.initialization.start import Start
from affidavit.initialization.training import Trainer
from affidavit.initialization.training.order import order

DATA = exclusive_or()
ROW = 1.01 / 120
"""One of the validation rows: sums in another order may turn one that is on the border."""
TRAIN = Trainer(epochs=4, batch_size=16, learning_rate=0.5)


def curves(scales: Sequence[float] = (0.01, 1.0, 10.0), **options: Any) -> Any:
    given: dict[str, Any] = {"train": TRAIN, "seed": 3} | options
    return training_curves_by_scale(given.pop("make", small), DATA, scales, **given)


def test_they_are_those_of_the_loop() -> None:
    # Far too large weights: some loss is infinite in the first epochs.
    scales = (0.01, 1.0, 10.0, 1e25)
    found = curves(scales)
    assert tuple(found) == scales
    start = Start(small, 3)
    train, validation = DATA.part("train"), DATA.part("validation")
    for scale, curve in found.items():
        with np.errstate(all="ignore"):
            expected = scaled_training(
                start.first(),
                scale,
                (train.inputs, train.labels),
                (validation.inputs, validation.labels),
                lambda epoch: order(start.run_seed(0), epoch, 120).numpy(),
                epochs=4,
                batch_size=16,
                learning_rate=0.5,
            )
        accuracy, loss = np.array(expected).T
        assert curve.scale == scale
        assert curve.epochs.tolist() == list(range(len(expected)))
        np.testing.assert_allclose(curve.accuracy, accuracy, atol=ROW)
        np.testing.assert_allclose(curve.loss, loss, rtol=1e-4)
        assert curve.diverged == bool(np.isnan(accuracy[-1]))
    assert [curve.diverged for curve in found.values()] == [False, False, False, True]
    assert len(found[1e25].epochs) < 5


def test_each_scale_is_by_itself() -> None:
    together = curves((1e25, 0.1, 1.0))
    for scale in (0.1, 1.0):
        alone = curves((scale,))[scale]
        np.testing.assert_allclose(alone.accuracy, together[scale].accuracy, atol=ROW)
        np.testing.assert_allclose(alone.loss, together[scale].loss, rtol=1e-4)


def test_the_scale_1_is_the_first_run_of_a_search() -> None:
    found = search(small, DATA, max_trial=1, train=TRAIN, seed=3)
    assert curves((1.0,))[1.0].accuracy[-1] == found.first.accuracy


def test_all_diverge() -> None:
    found = curves((1e25, 1e26))
    assert [curve.diverged for curve in found.values()] == [True, True]
    for curve in found.values():
        assert np.isnan([curve.accuracy[-1], curve.loss[-1]]).all()


def test_no_epochs() -> None:
    curve = curves((1.0,), train=Trainer(epochs=0))[1.0]
    assert curve.epochs.tolist() == [0]
    assert not curve.diverged


def test_weights_are_multiplied_and_nothing_else() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 3)
            self.norm = nn.LayerNorm([4, 3])
            self.slope = nn.PReLU(3)
            self.attention = nn.MultiheadAttention(3, 1, add_bias_kv=True)
            self.frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)
            self.table = nn.Parameter(torch.ones(2, 2))

    torch.manual_seed(0)
    model = Mixed()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    after = scaling._scaled(model, 3.0).state_dict()
    changed = {
        "linear.weight",
        "attention.in_proj_weight",
        "attention.out_proj.weight",
        "table",
    }
    for name, value in before.items():
        torch.testing.assert_close(after[name], value * (3.0 if name in changed else 1.0))


def test_tied_weights_are_multiplied_once() -> None:
    first, second = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    second.weight = first.weight
    before = first.weight.detach().clone()
    scaling._scaled(nn.Sequential(first, second), 2.0)
    torch.testing.assert_close(first.weight.detach(), 2 * before)


@pytest.mark.parametrize("scales", [(), (0.0,), (-1.0,), (1.0, 1), (float("nan"),), (np.inf,)])
def test_bad_scales(scales: tuple[float, ...]) -> None:
    with pytest.raises(DomainError, match="expected different finite numbers above 0"):
        curves(scales)


def test_bad_input() -> None:
    with pytest.raises(DomainError, match="train is a function; expected a Trainer"):
        curves(train=descend)
    with pytest.raises(ModelError, match="no parameters to train"):
        curves(make=nn.Identity)
    with pytest.raises(DataError, match="no rows in a part 'validation'"):
        training_curves_by_scale(small, DATA.part("train"))
