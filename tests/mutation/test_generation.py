from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from tests.mutation.networks import inputs, network
from tests.reference.model_copies import mutated_copy

from affidavit.errors import DataError, DomainError, ModelError
from affidavit.mutation import Mutants, mutants
from affidavit.mutation.edits import tensors_of
from affidavit.mutation.layers import layers_of
from affidavit.mutation.operators import drawing

X = inputs(24)


def labels(model: torch.nn.Module) -> torch.Tensor:
    """The model's own predictions, a quarter of them spoilt."""
    with torch.no_grad():
        found: torch.Tensor = copy.deepcopy(model).eval()(X).argmax(1)
    found[::4] = (found[::4] + 1) % 4
    return found


@pytest.mark.parametrize("engine", ["graph", "module"])
def test_mutants_keep_their_share_of_the_accuracy(engine: str) -> None:
    model = network("normed")
    truth = labels(model)
    found = mutants(
        model, rate=0.1, n=8, keep_above=0.7, inputs=X, labels=truth, seed=1, engine=engine
    )
    assert found.accuracy == 0.75
    for mutant in found:
        with torch.no_grad():
            accuracy = (mutated_copy(model, mutant)(X).argmax(1) == truth).double().mean().item()
        assert mutant.accuracy == accuracy
        assert accuracy >= 0.7 * 0.75
    assert len(found) == 8
    assert found.rejected > 0
    assert found.units == 1
    assert found.units_in_all == 14
    assert (found.operator, found.scheme, found.unit, found.rate) == ("NAI", "wu", "filter", 0.1)
    assert found.nbytes < 1000 * len(found)
    assert model.training


def edits_of(found: Mutants) -> list[list[tuple[str, list[int]]]]:
    return [[(edit.tensor, edit.index.tolist()) for edit in mutant.edits] for mutant in found]


def test_the_seed_decides_and_more_only_adds() -> None:
    model = network("plain")
    truth = labels(model)

    def made(n: int, seed: int, batch_size: int = 32) -> Mutants:
        return mutants(
            model, operator="WS", rate=0.1, n=n, keep_above=0.5, inputs=X, labels=truth,
            seed=seed, batch_size=batch_size, engine="module",
        )  # fmt: skip

    few, many, other = made(3, 0), made(9, 0, batch_size=7), made(3, 1)
    assert edits_of(few) == edits_of(many)[:3]
    assert edits_of(few) != edits_of(other)
    assert few.tried <= many.tried


def test_layers_can_be_chosen() -> None:
    model = network("residual")
    found = mutants(
        model, operator="GF", rate=0.2, n=3, keep_above=0.1, inputs=X, labels=labels(model),
        layers=["two"], engine="module",
    )  # fmt: skip
    assert {edit.tensor for mutant in found for edit in mutant.edits} == {"two.weight"}
    with pytest.raises(ModelError, match="did you mean 'two'"):
        mutants(model, rate=0.2, inputs=X, labels=labels(model), layers=["twoo"], engine="module")


def test_a_rate_that_no_mutant_survives() -> None:
    model = network("normed")
    with pytest.raises(
        ModelError,
        match=r"0 of 30 candidates by NAI at rate 1 \(14 of 14 units\) keep the accuracy asked"
        r" for, 75\.0 % \(the model has 75\.0 %\), where 5 were wanted\. The best seen has",
    ):
        mutants(
            model, rate=1.0, n=5, keep_above=1.0, inputs=X, labels=labels(model), attempts=30,
            engine="module",
        )  # fmt: skip


def test_what_makes_no_sense() -> None:
    model = network("plain")
    truth = labels(model)
    for rate in (0.0, 1.1):
        with pytest.raises(DomainError, match="at most 1"):
            mutants(model, rate=rate, inputs=X, labels=truth, engine="module")
    with pytest.raises(DomainError, match="keep_above is 0"):
        mutants(model, rate=0.1, keep_above=0, inputs=X, labels=truth)
    with pytest.raises(DomainError, match="0 mutants of at most 100 candidates"):
        mutants(model, rate=0.1, n=0, inputs=X, labels=truth)
    with pytest.raises(DataError, match="24 inputs, but labels of the shape"):
        mutants(model, rate=0.1, inputs=X, labels=truth[:3])
    with pytest.raises(DataError, match="expected whole numbers"):
        mutants(model, rate=0.1, inputs=X, labels=np.ones(24))
    with pytest.raises(DataError, match="no validation inputs"):
        mutants(model, rate=0.1, inputs=X[:0], labels=truth[:0])
    nan = X.clone()
    nan[2] = torch.nan
    with pytest.raises(DataError, match="input 2 has values that are NaN"):
        mutants(model, rate=0.1, inputs=nan, labels=truth)


def test_a_bar_is_shown_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    model = network("plain")
    mutants(model, rate=0.1, n=2, keep_above=0.1, inputs=X, labels=labels(model), engine="module")
    assert capsys.readouterr().err == ""


def test_the_best_accuracy_is_told_in_full() -> None:
    model = network("plain")
    truth = labels(model)
    with pytest.raises(ModelError) as error:
        mutants(
            model, operator="GF", rate=1.0, n=3, keep_above=1.0, inputs=X, labels=truth,
            attempts=12, batch_size=4, engine="module", spread=3,
        )  # fmt: skip
    draw = drawing("GF", "wu", 1.0, layers_of(model, X), tensors_of(model), (), spread=3)
    candidates = [draw(np.random.default_rng([0, number])) for number in range(12)]
    with torch.no_grad():
        best = max(
            (mutated_copy(model, one)(X).argmax(1) == truth).double().mean().item()
            for one in candidates
        )
    assert f"The best seen has {100 * best:.1f} %" in str(error.value)
