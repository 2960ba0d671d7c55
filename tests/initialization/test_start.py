"""Factories that do not do as a search needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.initialization.problems import descend, exclusive_or, small
from torch import nn

from affidavit.errors import DomainError, ModelError
from affidavit.initialization.searching import search
from affidavit.initialization.start import Start

DATA = exclusive_or(20)
ONE = small()
GENERATOR = torch.Generator()
SHARED = nn.Linear(4, 6)


def of_its_own() -> nn.Module:
    model = small()
    for value in model.parameters():
        value.data = torch.rand(value.shape, generator=GENERATOR)
    return model


def seeded() -> nn.Module:
    torch.manual_seed(0)
    return small()


def sharing() -> nn.Module:
    return nn.Sequential(SHARED, nn.ReLU(), nn.Linear(6, 2))


class Keeping(nn.Linear):
    """Keeps more than tensors."""

    def get_extra_state(self) -> dict[str, int]:
        return {"calls": 0}

    def set_extra_state(self, state: Any) -> None:
        pass


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyLinear(2))


@pytest.mark.parametrize("strategy", ["reseed", "walk", "initializers"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ONE, "the same parameters twice"),
        (sharing, "the same parameters twice"),
        (of_its_own, "other weights under the same seed"),
        (lambda: small().to("meta"), "parameters have no values"),
    ],
    ids=["one object", "a shared layer", "a generator of its own", "meta"],
)
def test_it_is_refused(make: Callable[[], nn.Module], said: str, strategy: str) -> None:
    with pytest.raises(ModelError, match=said):
        search(make, DATA, max_trial=1, train=descend, strategy=strategy)


def test_parameters_that_have_to_see_an_input_first() -> None:
    with pytest.raises(ModelError, match="parameters have no values"):
        Start(lazy, 0).first()


def test_the_same_under_any_seed_is_no_reseeding() -> None:
    with pytest.raises(ModelError, match="the same weights under any seed"):
        search(seeded, DATA, max_trial=1, train=descend)
    found = search(seeded, DATA, max_trial=1, train=descend, strategy="walk")
    assert len(found.complete) == 2


@pytest.mark.parametrize("strategy", ["walk", "anneal"])
def test_normalisations_alone_are_not_moved(strategy: str) -> None:
    def norms() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 2).requires_grad_(False), nn.BatchNorm1d(2))

    with pytest.raises(ModelError, match="trains nothing but normalisations"):
        search(norms, DATA, max_trial=1, train=descend, strategy=strategy)


def test_other_state_than_tensors_takes_no_part() -> None:
    assert Start(lambda: Keeping(4, 2), 0).digest == Start(lambda: nn.Linear(4, 2), 0).digest


@pytest.mark.parametrize("seed", [-1, 2.5, True, "a"])
def test_seeds_without_meaning(seed: Any) -> None:
    with pytest.raises(DomainError, match="expected a whole number from 0 on"):
        Start(small, seed)
