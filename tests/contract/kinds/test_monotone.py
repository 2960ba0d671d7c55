"""The claim kind `monotone`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from affidavit.contract import Context, Monotone
from affidavit.contract.reading import contract_from
from affidavit.errors import ContractError, DataError
from affidavit.evidence import Grade, Table, Verdict
from affidavit.graph import load

Loans = Callable[..., Context]


def claim(**keys: Any) -> Monotone:
    given: dict[str, Any] = {"feature": "net debt", "direction": "increasing"}
    return Monotone(id="a", **(given | keys))


@pytest.mark.parametrize(
    ("form", "keys"),
    [
        ({}, {"output": "approve"}),
        ({}, {"margin": ["approve", "deny"]}),
        ({"head": "softmax"}, {"output": "approve", "of": "probability"}),
        ({"single": True, "head": "sigmoid"}, {"of": "probability"}),
        ({"single": True, "head": "sigmoid"}, {"output": "approve"}),
        ({"single": True, "output": "logit"}, {}),
        ({"single": True, "output": "logit"}, {"margin": ["approve", "deny"]}),
    ],
)
def test_both_directions(loans: Loans, form: dict[str, Any], keys: dict[str, Any]) -> None:
    context = loans(**form)
    holds = claim(**keys, direction="decreasing").check(context)
    assert (holds.verdict, holds.grade, holds.value) == (Verdict.HOLDS, Grade.EXACT, 0.0)
    assert holds.interval == (0.0, 0.0)
    assert holds.witness is None
    violated = claim(**keys).check(context)
    assert violated.verdict is Verdict.VIOLATED
    assert violated.value == -1.0
    assert violated.quantity == "least slope in net debt"
    assert "50\N{NO-BREAK SPACE}% of the region's volume" in violated.reason
    assert violated.witness is not None
    # It falls as debt grows beyond 5, and the witness takes a step there.
    _, debt = violated.witness.input
    assert 5 <= debt <= 10
    assert "Raising net debt from" in violated.witness.sentence
    assert " lowers the " in violated.witness.sentence
    assert violated.witness.relevant[0] == 1


def test_the_first_class_of_a_single_output_goes_the_other_way(loans: Loans) -> None:
    context = loans(single=True, output="logit")
    assert claim(output="deny").check(context).verdict is Verdict.HOLDS
    assert claim(output="deny", direction="decreasing").check(context).value == 1.0
    stated = loans(single=True, head="clip", output="probability")
    found = claim(output="approve", of="probability").check(stated)
    assert found.verdict is Verdict.VIOLATED
    assert found.witness is not None
    assert "the probability of approve" in found.witness.sentence
    assert claim(output="deny", of="probability").check(stated).verdict is Verdict.HOLDS


def test_a_region_and_a_tolerance_decide(loans: Loans) -> None:
    assert claim(output=1, region={"net debt": [0, 5]}).check(loans()).verdict is Verdict.HOLDS
    assert claim(output=1, tolerance=1.0).check(loans()).verdict is Verdict.HOLDS
    assert claim(output=1, tolerance=0.99).check(loans()).verdict is Verdict.VIOLATED


def test_slopes_agree_with_derivatives_at_random_points() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 1))
    model.double()
    from affidavit.data import Dataset

    rng = np.random.default_rng(0)
    inputs = rng.uniform(-1, 1, (9, 3)).astype(np.float32)
    data = Dataset(name="r", inputs=inputs, labels=np.zeros(9))
    context = Context(load(model, torch.zeros(1, 3, dtype=torch.float64)), data)
    found = Monotone(id="a", feature="[0]", direction="increasing").check(context)
    low, high = data.lower.astype(float), data.upper.astype(float)
    x = torch.tensor(rng.uniform(low, high, (20000, 3)), requires_grad=True)
    slopes = torch.autograd.grad(model(x).sum(), x)[0][:, 0].numpy()
    assert found.value is not None
    # Every slope that is met is bounded by the value, and some come near: regions are not tiny.
    assert slopes.min() >= found.value - 1e-6
    assert slopes.min() == pytest.approx(found.value, abs=1e-6)


def test_the_exhibits_count_what_rises_and_falls(loans: Loans) -> None:
    signs, against = claim(output=1).check(loans()).exhibits
    assert isinstance(signs, Table)
    assert [row[0] for row in signs.rows] == ["rises", "stays", "falls"]
    assert [row[2] for row in signs.rows] == pytest.approx([0, 0.5, 0.5])
    assert isinstance(against, Table)
    assert {row[1] for row in against.rows} == {-1.0}


def test_limits_leave_it_undecided(loans: Loans) -> None:
    finding = claim(output=1, max_seconds=1e-9).check(loans())
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.value is None
    assert finding.interval is None
    assert "the limit of 1e-09 s was reached" in finding.reason


def test_an_incomplete_search_bounds_on_one_side() -> None:
    from affidavit.contract.kinds.monotone import _interval

    assert _interval(0.5, 1.0, False) == (-math.inf, 0.5)
    assert _interval(-0.5, -1.0, False) == (-0.5, math.inf)
    assert _interval(0.5, 1.0, True) == (0.5, 0.5)


def test_the_same_twice_and_in_a_file(loans: Loans) -> None:
    assert claim(output=1).check(loans()) == claim(output=1).check(loans())
    keys = {"feature": "net debt", "direction": "increasing", "margin": ["a", 1], "tolerance": 2}
    contract = contract_from(
        {
            "model": {"source": "m.onnx"},
            "data": {"source": "d.csv"},
            "claim": [{"id": "a", "kind": "monotone", **keys}],
        }
    )
    assert contract.claim[0] == Monotone(
        id="a", feature="net debt", direction="increasing", margin=["a", 1], tolerance=2.0
    )


def test_the_sentence_says_what_is_claimed() -> None:
    assert claim(output="approve", tolerance=0.5).text == (
        "The logit of approve never falls by more than 0.5 a unit as net debt grows anywhere in the"
        " data's range"
    )
    assert claim(margin=["a", "b"], direction="decreasing", region={"x": 1}).text.startswith(
        "The margin of a over b never rises as net debt grows where x is 1,"
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"margin": ["a"]}, "at least 2 items"),
        ({"margin": ["a", "a"]}, "'a' against itself is always 0"),
        ({"margin": ["a", "b"], "output": "a"}, "output and margin exclude each other"),
        ({"margin": ["a", "b"], "of": "probability"}, "margin is of logits"),
        ({"of": "probability", "tolerance": 1.0}, "tolerance is a slope"),
        ({"direction": "up"}, "'increasing' or 'decreasing'"),
        ({"tolerance": -1.0}, "greater than or equal to 0"),
    ],
)
def test_what_is_refused_at_once(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        claim(**keys)


def test_faults_are_told(loans: Loans) -> None:
    with pytest.raises(DataError, match="no feature 'income'"):
        claim(output=1, feature="income").check(loans())
    with pytest.raises(ContractError, match="net debt is held fixed in the region"):
        claim(output=1, region={"net debt": 3}).check(loans())
    with pytest.raises(ContractError, match="has 2 outputs: say which one"):
        claim().check(loans())
    with pytest.raises(ContractError, match="ends in no softmax or sigmoid"):
        claim(output=1, of="probability").check(loans())
    with pytest.raises(ContractError, match="there is no logit; say"):
        claim(output=1).check(loans(single=True, head="clip", output="probability"))
    regression = loans(labels=np.zeros(121), class_names=())
    assert claim(output=1).check(regression).value == -1.0
    with pytest.raises(DataError, match="no output 2: the data have no classes"):
        claim(output=2).check(regression)


def test_the_probability_of_one_of_many_classes_is_refused(loans: Loans) -> None:
    context = loans()
    model = nn.Sequential(nn.Linear(2, 3), nn.Softmax(1))
    data = loans(class_names=("a", "b", "c")).dataset
    three = Context(load(model, torch.zeros(1, 2)), data)
    with pytest.raises(
        ContractError, match="one of 3 classes is no monotone function of one logit"
    ):
        claim(output="a", of="probability").check(three)
    assert context.graph.output_names == ()
