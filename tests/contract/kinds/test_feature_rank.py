"""The claim kind `feature_rank`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from affidavit.contract import Context, FeatureRank
from affidavit.contract.kinds.feature_rank import ranks
from affidavit.contract.reading import contract_from
from affidavit.data import Dataset
from affidavit.errors import ContractError, DataError
from affidavit.evidence import Grade, Table, Verdict
from affidavit.graph import load

Loans = Callable[..., Context]


def claim(**keys: Any) -> FeatureRank:
    given: dict[str, Any] = {"protected": "net debt", "not_among_top": 1, "output": "approve"}
    return FeatureRank(id="a", **(given | keys))


def test_ranks_by_absolute_weight() -> None:
    weights = np.array([[3.0, -5.0, 1.0], [0.0, 0.0, 0.0], [2.0, 2.0, 0.0], [1.0, 0.0, 0.5]])
    assert ranks(weights, [0]).tolist() == [2, 3, 1, 1]
    assert ranks(weights, [1]).tolist() == [1, 3, 1, 3]
    assert ranks(weights, [2]).tolist() == [3, 3, 3, 2]
    assert ranks(weights, [0, 2]).tolist() == [2, 3, 1, 1]


def test_a_feature_without_weight_is_never_on_top(loans: Loans) -> None:
    holds = claim(region={"age": [5, 10], "net debt": [0, 5]}).check(loans())
    assert (holds.verdict, holds.grade, holds.value) == (Verdict.HOLDS, Grade.EXACT, 2.0)
    assert holds.witness is None


def test_violated_where_weights_are_equal_or_alone(loans: Loans) -> None:
    # Debt weighs −1 above 5 everywhere, as much as age above 4 and more than age below.
    finding = claim().check(loans())
    assert finding.verdict is Verdict.VIOLATED
    assert finding.value == 1.0
    assert finding.interval == (1.0, 1.0)
    assert "50\N{NO-BREAK SPACE}% of the region's volume" in finding.reason
    assert finding.quantity == "best rank of net debt (1: the largest weight)"
    seen = finding.witness
    assert seen is not None
    assert seen.input[1] > 5
    assert "Here the rank of net debt is 1; the largest weights" in seen.sentence
    ranks_table, regions = finding.exhibits
    assert isinstance(ranks_table, Table)
    assert [row[0] for row in ranks_table.rows] == [1, 2]
    assert [row[2] for row in ranks_table.rows] == pytest.approx([0.5, 0.5])
    assert isinstance(regions, Table)
    assert all(row[1] == 1 for row in regions.rows)


def test_weights_are_in_units_of_the_data(loans: Loans) -> None:
    # With ages from 0 to 20 in the data, age outweighs debt wherever it has a weight.
    wide = loans(upper=np.array([20.0, 10.0], np.float32))
    region = {"age": [5, 10]}
    assert claim(region=region).check(wide).verdict is Verdict.HOLDS
    assert claim(region=region, normalise="sigma").check(wide).verdict is Verdict.VIOLATED


def test_protected_columns_of_the_data_are_the_default(loans: Loans) -> None:
    columns = {"sex": np.array(["f", "m"] * 60 + ["f"])}
    context = loans(
        columns=columns, protected=("sex",), feature_names=("sex=f", "sex=m"), upper=np.ones(2)
    )
    finding = claim(protected=None, output=1).check(context)
    assert finding.quantity.startswith("best rank of sex=f, sex=m")
    same = claim(protected=["sex=f", 1], output=1).check(context)
    assert same == finding
    with pytest.raises(ContractError, match="no feature is named: say protected"):
        claim(protected=None).check(loans())


def test_ranks_agree_with_derivatives_at_random_points() -> None:
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    rng = np.random.default_rng(0)
    data = Dataset(
        name="r",
        inputs=rng.uniform(-1, 1, (9, 3)).astype(np.float32),
        labels=np.zeros(9, np.int64),
        class_names=("a", "b"),
    )
    graph = load(model, torch.zeros(1, 3, dtype=torch.float64))
    low, high = data.lower.astype(float), data.upper.astype(float)
    x = torch.tensor(rng.uniform(low, high, (20000, 3)), requires_grad=True)
    y = model(x)
    slopes = torch.autograd.grad((y[:, 0] - y[:, 1]).sum(), x)[0].numpy() * (high - low)
    seen = (np.abs(slopes) > np.abs(slopes[:, 1:2])).sum(1) + 1
    finding = FeatureRank(id="a", protected=1, not_among_top=1, margin=["a", "b"]).check(
        Context(graph, data)
    )
    assert finding.value == seen.min()
    table = finding.exhibits[0]
    assert isinstance(table, Table)
    for rank, _, share in table.rows:
        assert (seen == rank).mean() == pytest.approx(share, abs=0.02)


def test_limits_leave_it_undecided(loans: Loans) -> None:
    finding = claim(max_seconds=1e-9).check(loans())
    assert finding.verdict is Verdict.UNDECIDED
    assert (finding.value, finding.interval) == (None, None)


def test_the_same_twice_and_in_a_file(loans: Loans) -> None:
    assert claim().check(loans()) == claim().check(loans())
    contract = contract_from(
        {
            "model": {"source": "m.onnx"},
            "data": {"source": "d.csv"},
            "claim": [
                {"id": "a", "kind": "feature_rank", "protected": ["x", 2], "not_among_top": 3}
            ],
        }
    )
    assert contract.claim[0] == FeatureRank(id="a", protected=["x", 2], not_among_top=3)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, "net debt is not the most important feature for the score of approve anywhere"),
        (
            {"not_among_top": 3, "protected": ["a", "b"], "output": None},
            "a and b are not among the 3 most important features for the output any",
        ),
        (
            {"protected": None, "not_among_top": 2, "output": None, "margin": ["x", "y"]},
            "No protected feature is among the 2 most important features for the margin of x",
        ),
    ],
)
def test_the_sentence_says_what_is_claimed(keys: dict[str, Any], text: str) -> None:
    assert claim(**keys).text.startswith(text)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"protected": []}, "names no feature"),
        ({"not_among_top": 0}, "greater than or equal to 1"),
        ({"margin": ["a", "b"]}, "output and margin exclude each other"),
        ({"margin": ["a", "a"], "output": None}, "against itself"),
        ({"normalise": "std"}, "'range' or 'sigma'"),
    ],
)
def test_what_is_refused_at_once(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        claim(**keys)


def test_faults_are_told(loans: Loans) -> None:
    with pytest.raises(ContractError, match="has 2 features, so the claim would be void"):
        claim(not_among_top=2).check(loans())
    with pytest.raises(DataError, match=r"no feature 'net dept'.*did you mean 'net debt'"):
        claim(protected="net dept").check(loans())
