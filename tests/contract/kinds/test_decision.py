"""The claim kind `decision`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from affidavit.contract import Context, Contract, Data, Decision, Model
from affidavit.contract.reading import contract_from
from affidavit.data import Dataset
from affidavit.errors import ContractError, DataError, ModelError, UnsupportedOpsError
from affidavit.evidence import Grade, IntervalChart, Table, Verdict
from affidavit.graph import load

Loans = Callable[..., Context]
YOUNG = {"age": [0, 5]}


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"head": "softmax"},
        {"single": True, "head": "sigmoid"},
        {"single": True, "output": "logit"},
    ],
)
def test_never_and_always(loans: Loans, form: dict[str, Any]) -> None:
    context = loans(**form)
    holds = Decision(id="a", never="approve", region=YOUNG).check(context)
    assert (holds.verdict, holds.grade, holds.value) == (Verdict.HOLDS, Grade.EXACT, 0.0)
    assert holds.interval == (0.0, 0.0)
    assert holds.witness is None
    assert "Nowhere in the region is approve decided for" in holds.reason
    same = Decision(id="a", always="deny", region=YOUNG).check(context)
    assert same.verdict is Verdict.HOLDS
    # It approves on 5 to 6 where debt is below 5, and on a triangle above: 5.5 of 60.
    violated = Decision(id="a", never="approve", region={"age": [0, 6]}).check(context)
    assert violated.verdict is Verdict.VIOLATED
    assert violated.value == pytest.approx(5.5 / 60, abs=1e-8)
    assert violated.interval == (violated.value, violated.value)
    assert violated.quantity == "share of the region's volume that is decided for approve"
    seen = violated.witness
    assert seen is not None
    assert seen.decision == "approve"
    assert seen.sentence == "The model decides for approve here."
    age, debt = seen.input
    assert 5 + max(debt - 5, 0) < age <= 6
    y = context.graph(torch.tensor([seen.input])).reshape(-1)
    assert seen.outputs == pytest.approx(y.tolist())


def test_a_stated_probability_is_decided_at_a_half(loans: Loans) -> None:
    # The clip gives h1 − h2 − 1 between 0 and 1: above 1/2 where age is above 5.5 at low debt.
    context = loans(single=True, head="clip", output="probability")
    region = {"age": [0, 10], "net debt": [0, 5]}
    finding = Decision(id="a", never="approve", region=region).check(context)
    assert finding.value == pytest.approx(0.45, abs=1e-8)


def test_classes_by_number_and_in_the_datas_order(loans: Loans) -> None:
    context = loans(class_names=("x", "y"))
    assert Decision(id="a", never=1, region=YOUNG).check(context).verdict is Verdict.HOLDS
    assert Decision(id="a", never="x", region=YOUNG).check(context).value == 1.0


def test_the_exhibits_show_shares_and_regions(loans: Loans) -> None:
    chart, table = Decision(id="a", never="approve").check(loans()).exhibits
    assert isinstance(chart, IntervalChart)
    assert [e.label for e in chart.estimates] == ["deny", "approve"]
    # age > 5 + max(debt − 5, 0): 5 × 5, and half of 5 × 5, of 100.
    assert [e.value for e in chart.estimates] == pytest.approx([0.625, 0.375])
    assert isinstance(table, Table)
    shares = [row[2] for row in table.rows]
    assert sum(float(share) for share in shares if share is not None) == pytest.approx(1)
    assert shares == sorted(shares, key=lambda share: -float(share or 0))
    assert "age +10" in {str(row[3]) for row in table.rows if row[1] == "approve"}


def test_constraints_narrow_the_region(loans: Loans) -> None:
    region = {"age": [0, 6], "net debt": [0, 5]}
    claim = Decision(id="a", never="approve", region=region, where=["'net debt' >= age - 3"])
    finding = claim.check(loans())
    # Of age 5 to 6, what has a debt of at least age − 3: 3 − 0.5 of 30 less a triangle of 9 / 2.
    assert finding.value == pytest.approx(2.5 / 25.5, abs=1e-9)
    assert finding.witness is not None
    age, debt = finding.witness.input
    assert debt >= age - 3
    assert age > 5


@pytest.mark.parametrize(
    ("region", "verdict"), [(YOUNG, Verdict.HOLDS), ({"age": [0, 5.001]}, Verdict.VIOLATED)]
)
def test_without_finding_all_regions(
    loans: Loans, region: dict[str, Any], verdict: Verdict
) -> None:
    for form in ({}, {"single": True, "output": "logit"}):
        context = loans(**form)
        for claim in (
            Decision(id="a", never="approve", region=region, engine="milp"),
            Decision(id="a", always="deny", region=region, engine="milp"),
        ):
            finding = claim.check(context)
            assert finding.verdict is verdict
            assert finding.grade is Grade.EXACT
            if verdict is Verdict.HOLDS:
                assert "Proved by 1 mixed-integer program over the 2 features" in finding.reason
            else:
                assert finding.witness is not None
                assert finding.witness.decision == "approve"


def wide(features: int, units: int) -> Context:
    """A random network on many features, with three classes."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(features, units), nn.ReLU(), nn.Linear(units, 3))
    rng = np.random.default_rng(0)
    data = Dataset(
        name="wide",
        inputs=rng.uniform(-1, 1, (50, features)).astype(np.float32),
        labels=np.arange(50) % 3,
        class_names=("a", "b", "c"),
        lower=np.full(features, -1, np.float32),
        upper=np.full(features, 1, np.float32),
    )
    return Context(load(model, torch.zeros(1, features)), data)


def test_many_features_ask_one_question_a_class() -> None:
    context = wide(12, 8)
    y = context.outputs("test")
    decided = int(y[0].argmax())
    name = "abc"[decided]
    near = {"row": 0, "radius": 1e-3}
    claim = Decision(id="a", always=name, around=near)  # type: ignore[arg-type]
    finding = claim.check(context)
    assert finding.verdict is Verdict.HOLDS
    assert "Proved by 2 mixed-integer programs over the 12 features that vary" in finding.reason
    violated = Decision(id="a", never=name).check(context)
    assert violated.verdict is Verdict.VIOLATED
    assert "random inputs of the region" in violated.reason
    assert violated.witness is not None
    assert violated.witness.decision == name


def test_limits_leave_it_undecided() -> None:
    finding = Decision(id="a", never="c", max_seconds=1e-6, engine="skeleton").check(wide(4, 30))
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.value is None or finding.value == 0
    assert "No input of the region was found that is decided for c." in finding.reason
    assert "the limit of 1e-06 s was reached" in finding.reason


def test_the_same_twice(loans: Loans) -> None:
    claim = Decision(id="a", never="approve")
    assert claim.check(loans()) == claim.check(loans())


def test_python_and_file_say_the_same() -> None:
    keys = {"region": {"age": [0, 18], "income": 3}, "never": "approve", "where": ["age <= 4"]}
    near = {"row": 1, "radius": {"age": 1}}
    content = {
        "model": {"source": "m.onnx"},
        "data": {"source": "d.csv"},
        "claim": [{"id": "a", "kind": "decision", **keys, "around": near}],
    }
    region = {"age": (0.0, 18.0), "income": 3.0}
    claim = Decision(
        id="a",
        never="approve",
        region=region,
        where=["age <= 4"],
        around={"row": 1, "radius": {"age": 1.0}},  # type: ignore[arg-type]
    )
    python = Contract(model=Model(source="m.onnx"), data=Data(source="d.csv"), claim=[claim])
    assert contract_from(content) == python
    assert contract_from(content).sha256 == python.sha256
    assert python.claim[0].parameters()["region"] == {"age": [0.0, 18.0], "income": 3.0}


def test_the_sentence_says_what_is_claimed() -> None:
    assert Decision(id="a", never="approve", region=YOUNG).text == (
        "The decision is never approve where age is in [0, 5], all other features anywhere in the"
        " data's range"
    )
    assert Decision(id="a", always=1).text.startswith(
        "The decision is always 1 anywhere in the data"
    )


@pytest.mark.parametrize("keys", [{}, {"never": "a", "always": "b"}])
def test_one_of_never_and_always(keys: dict[str, str]) -> None:
    with pytest.raises(ContractError, match="expected one of never and always"):
        Decision(id="a", **keys)  # type: ignore[arg-type]


def test_faults_are_told(loans: Loans) -> None:
    with pytest.raises(DataError, match=r"no class 'aprove' \(did you mean 'approve'\?\)"):
        Decision(id="a", never="aprove").check(loans())
    with pytest.raises(DataError, match="no class 2; classes: deny, approve, by number 0 to 1"):
        Decision(id="a", never=2).check(loans())
    with pytest.raises(ContractError, match="say whether it is a"):
        Decision(id="a", never=1).check(loans(single=True))
    regression = loans(labels=np.zeros(121), class_names=())
    with pytest.raises(DataError, match="no classes: its labels are numbers"):
        Decision(id="a", never=1).check(regression)
    with pytest.raises(ModelError, match="always 1"):
        Decision(id="a", never=1).check(loans(single=True, head="softmax"))


def test_models_that_are_not_piecewise_linear_are_refused(loans: Loans) -> None:
    context = loans()
    model = nn.Sequential(
        nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2), nn.Sigmoid(), nn.Linear(2, 2)
    )
    curved = Context(load(model, torch.zeros(1, 2)), context.dataset)
    with pytest.raises(UnsupportedOpsError, match="piecewise linear") as caught:
        Decision(id="a", never="approve").check(curved)
    assert [op for op, _ in caught.value.ops] == ["Tanh", "Sigmoid"]
