"""The claim kind `lipschitz`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from affidavit.contract import Context, Lipschitz
from affidavit.contract.reading import contract_from
from affidavit.data import Dataset
from affidavit.errors import ContractError
from affidavit.evidence import Grade, Table, Verdict
from affidavit.graph import load

Loans = Callable[..., Context]


def claim(**keys: Any) -> Lipschitz:
    given: dict[str, Any] = {"at_most": 1.0, "output": "approve"}
    return Lipschitz(id="a", **(given | keys))


@pytest.mark.parametrize(("norm", "size"), [(1, 1.0), (2, math.sqrt(2)), ("inf", 2.0)])
def test_the_three_norms(loans: Loans, norm: Any, size: float) -> None:
    # Where both hidden neurons are on, the gradient is (1, −1).
    holds = claim(norm=norm, at_most=size).check(loans())
    assert (holds.verdict, holds.grade) == (Verdict.HOLDS, Grade.EXACT)
    assert holds.value == pytest.approx(size)
    assert holds.witness is None
    violated = claim(norm=norm, at_most=size - 0.01).check(loans())
    assert violated.verdict is Verdict.VIOLATED
    assert violated.interval == (violated.value, violated.value)
    seen = violated.witness
    assert seen is not None
    if norm != 1:
        assert seen.input[0] > 4
        assert seen.input[1] > 5
    assert f"has the norm {size:.6g}, above" in seen.sentence


def test_regions_and_units(loans: Loans) -> None:
    assert claim(region={"age": [0, 4], "net debt": [0, 5]}).check(loans()).value == 0.0
    # Changes count along features that vary only.
    assert claim(region={"net debt": 7}).check(loans()).value == 1.0
    assert claim(normalise="range", norm="inf").check(loans()).value == pytest.approx(20.0)
    sigma = loans().dataset.inputs.std(0)
    found = claim(normalise="sigma", norm="inf").check(loans())
    assert found.value == pytest.approx(float(sigma.sum()), rel=1e-6)


def test_margins_and_all_outputs(loans: Loans) -> None:
    assert claim(output=None, margin=["deny", "approve"], norm=1).check(loans()).value == 1.0
    whole = claim(output=None, norm="inf").check(loans())
    assert whole.value == 2.0
    assert whole.quantity == "largest gradient of all outputs in the norm inf"
    single = claim(output=None, norm="inf").check(loans(single=True, output="logit"))
    assert single.value == 2.0


@pytest.mark.parametrize("norm", [1, 2, "inf"])
def test_no_pair_of_points_changes_faster(norm: Any) -> None:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2))
    model.double()
    rng = np.random.default_rng(0)
    data = Dataset(name="r", inputs=rng.uniform(-1, 1, (9, 3)), labels=np.zeros(9))  # type: ignore[arg-type]
    graph = load(model, torch.zeros(1, 3, dtype=torch.float64))
    finding = Lipschitz(id="a", at_most=1e-3, norm=norm).check(Context(graph, data))
    assert finding.value is not None
    low, high = data.lower.astype(float), data.upper.astype(float)
    a, b = (rng.uniform(low, high, (5000, 3)) for _ in range(2))
    b = a + (b - a) * rng.uniform(1e-4, 1, (5000, 1))
    order = np.inf if norm == "inf" else norm
    with torch.no_grad():
        rise = np.linalg.norm((model(torch.tensor(a)) - model(torch.tensor(b))).numpy(), order, 1)
    ratio = rise / np.linalg.norm(a - b, order, 1)
    assert ratio.max() <= finding.value * (1 + 1e-9)
    assert ratio.max() > finding.value / 3


def test_the_exhibit_lists_the_steepest_regions(loans: Loans) -> None:
    (table,) = claim(norm="inf").check(loans()).exhibits
    assert isinstance(table, Table)
    sizes = [row[1] for row in table.rows]
    assert sizes == [2.0, 1.0, 1.0, 0.0]
    assert table.rows[0][2] == pytest.approx(0.3)
    assert table.rows[0][3] == "age 1, net debt 1"


def test_limits_leave_it_undecided(loans: Loans) -> None:
    finding = claim(max_seconds=1e-9).check(loans())
    assert finding.verdict is Verdict.UNDECIDED
    assert (finding.value, finding.interval) == (None, None)
    assert "No linear region was found in time." in finding.reason


def test_the_same_twice_and_in_a_file(loans: Loans) -> None:
    assert claim().check(loans()) == claim().check(loans())
    contract = contract_from(
        {
            "model": {"source": "m.onnx"},
            "data": {"source": "d.csv"},
            "claim": [{"id": "a", "kind": "lipschitz", "at_most": 3, "norm": math.inf}],
        }
    )
    assert contract.claim[0] == Lipschitz(id="a", at_most=3.0, norm="inf")


def test_the_sentence_says_what_is_claimed() -> None:
    assert claim(normalise="range", region={"age": 3}).text == (
        "The Lipschitz constant of the score of approve is at most 1 in the norm 2, inputs in units"
        " of their range where age is 3, all other features anywhere in the data's range"
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"at_most": -1.0}, "greater than or equal to 0"),
        ({"norm": 3}, "1, 2 or 'inf'"),
        ({"margin": ["a", "b"]}, "output and margin exclude each other"),
        ({"margin": ["a", "a"], "output": None}, "against itself"),
    ],
)
def test_what_is_refused_at_once(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        claim(**keys)
