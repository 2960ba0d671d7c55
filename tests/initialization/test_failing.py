"""A network that raises an error is one failed run, whatever was trained beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.initialization.problems import descend, exclusive_or, small
from torch import Tensor, nn

from affidavit.errors import ModelError
from affidavit.initialization.searching import search
from affidavit.initialization.start import Start
from affidavit.initialization.strategies import Halving, Walk
from affidavit.initialization.training import Trainer

DATA = exclusive_or(40)
TRAINER = Trainer(epochs=4, batch_size=8)


class Brittle(nn.Module):
    """Breaks where its weights are large."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = small()

    def forward(self, x: Tensor) -> Any:
        if self.rest.get_parameter("0.bias").mean() > 1:
            raise RuntimeError("too large")
        return self.rest(x)


def fickle() -> nn.Module:
    model = small()
    if torch.rand(()) < 0.4:
        raise ValueError("no luck")
    return model


def test_the_others_go_on() -> None:
    plan = Walk(deltas=(0.5,), budget=4)
    found = search(Brittle, DATA, max_trial=4, strategy=plan, train=TRAINER)
    assert [one.state for one in found.runs] == ["complete"] * 2 + ["failed"] * 3
    assert "too large" in found.runs[2].reason
    alone = search(Brittle, DATA, max_trial=4, strategy=plan, train=TRAINER, together=1)
    assert found.accuracies[:2].tolist() == alone.accuracies[:2].tolist()
    assert [one.reason for one in found.runs] == [one.reason for one in alone.runs]


def test_a_factory_that_fails_at_times() -> None:
    found = search(fickle, DATA, max_trial=12, train=descend, seed=5)
    failed = [one for one in found.runs if one.state == "failed"]
    assert len(found.runs) == 13
    assert 0 < len(failed) < 12
    assert {one.reason for one in failed} == {"make_model failed: ValueError: no luck"}


def test_halving_without_those_that_fail() -> None:
    found = search(fickle, DATA, max_trial=4, seed=5, train=TRAINER, strategy=Halving(4, 2, 2))
    assert len(found.runs) == 5
    assert "failed" in {one.state for one in found.runs}


def test_all_of_a_stage_diverge() -> None:
    class Leaping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rest = small()
            first = torch.initial_seed() == Start(small, 0).run_seed(0)
            self.factor = 1.0 if first else float("inf")

        def forward(self, x: Tensor) -> Any:
            return self.rest(x) * self.factor

    found = search(Leaping, DATA, max_trial=5, train=TRAINER, strategy=Halving(2, 1.5, 3))
    assert [one.state for one in found.runs] == ["complete"] + ["failed"] * 5
    assert found.stopped == "max_trial"


def test_what_was_stored_is_kept_where_the_best_cannot_be_made_again(tmp_path: Path) -> None:
    path = tmp_path / "trials.log"

    def never(model: nn.Module, inputs: Tensor, labels: Tensor, seed: int) -> None:
        raise RuntimeError("the disk is full")

    never.__qualname__, never.__module__ = descend.__qualname__, descend.__module__
    whole = search(small, DATA, max_trial=2, train=descend, storage=path)
    with pytest.raises(ModelError, match="failed: RuntimeError: the disk is full"):
        search(small, DATA, max_trial=2, train=never, storage=path)
    again = search(small, DATA, max_trial=2, train=descend, storage=path)
    assert again.accuracies.tolist() == whole.accuracies.tolist()
