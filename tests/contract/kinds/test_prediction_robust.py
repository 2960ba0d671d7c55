"""The claim kind `prediction_robust`."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from affidavit.contract import Context, PredictionRobust
from affidavit.contract.exploring import run
from affidavit.errors import ContractError, DataError
from affidavit.evidence import CurveChart, Grade, IntervalChart, Table, Verdict

Loans = Callable[..., Context]


def claim(**keys: Any) -> PredictionRobust:
    return PredictionRobust(id="a", **({"at_least": 0.8, "epsilon": 0.2} | keys))


def true_share(context: Context, reach: float) -> float:
    """How many grid points are right wherever age and debt move by `reach` within 0 to 10.

    The decision is age > 5 + max(debt − 5, 0), which is monotone in both.
    """
    age, debt = context.dataset.inputs.astype(float).T

    def lead(age: Any, debt: Any) -> Any:
        return np.maximum(age - 4, 0) - np.maximum(debt - 5, 0) - 1

    low = lead(np.maximum(age - reach, 0), np.minimum(debt + reach, 10))
    high = lead(np.minimum(age + reach, 10), np.maximum(debt - reach, 0))
    # Equal logits go to the first class, deny.
    right = np.where(context.dataset.labels == 1, low > 0, high <= 0)
    return float(right.mean())


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("reach", [0.2, 0.75, 1.5])
def test_shares_enclose_the_truth(loans: Loans, single: bool, reach: float) -> None:
    context = loans(single=single, output="logit" if single else None)
    finding = claim(epsilon=reach, population=False).check(context)
    truth = true_share(context, reach)
    assert finding.interval is not None
    assert finding.interval[0] <= truth <= finding.interval[1]
    assert finding.grade is Grade.SOUND
    exactly = claim(epsilon=reach, population=False, at_least=finding.interval[0])
    assert exactly.check(context).verdict is Verdict.HOLDS
    above = claim(epsilon=reach, population=False, at_least=finding.interval[1] + 1e-6)
    assert above.check(context).verdict is Verdict.VIOLATED


def test_a_population_and_its_grade(loans: Loans) -> None:
    finding = claim(at_least=0.7).check(loans())
    assert (finding.verdict, finding.grade) == (Verdict.HOLDS, Grade.STATISTICAL)
    assert finding.witness is None
    assert any("independent sample" in text for text in finding.assumptions)
    few = claim(at_least=0.9, samples=10, epsilon=0.01).check(loans())
    assert few.verdict is Verdict.UNDECIDED
    assert few.evaluations == 10
    assert "more inputs with the same shares would decide" in few.reason


def test_the_witness_is_near_a_row_and_decided_otherwise(loans: Loans) -> None:
    context = loans()
    finding = claim(at_least=0.95, epsilon=1.5).check(context)
    assert finding.verdict is Verdict.VIOLATED
    seen = finding.witness
    assert seen is not None
    row = int(seen.sentence.split("row ")[1].split(" ")[0])
    x, label = context.dataset.inputs[row], context.dataset.labels[row]
    assert np.abs(np.array(seen.input) - x).max() <= 1.5
    assert (np.array(seen.input) >= 0).all()
    y = run(context, np.array(seen.input))
    np.testing.assert_allclose(seen.outputs, y)
    assert int(y.argmax()) != label
    assert seen.decision == context.dataset.class_names[int(y.argmax())]
    assert f"decides for {seen.decision} instead of" in seen.sentence


def test_weights(loans: Loans) -> None:
    context = loans()
    finding = claim(at_least=0.95, epsilon=0.0, gamma=0.2).check(context)
    assert finding.verdict is Verdict.VIOLATED
    assert finding.witness is not None
    assert "with the weights of the attached weights.npz" in finding.witness.sentence
    stored = np.load(io.BytesIO(finding.files["weights.npz"].content))
    params = {name: stored[name] for name in stored.files}
    assert set(params) == set(context.graph.parameters)
    for name, weight in params.items():
        own = context.graph.tensors[name].numpy().astype(float)
        assert (np.abs(weight - own) <= 0.2 * np.abs(own)).all()
    row = int(finding.witness.sentence.split("row ")[1].split(" ")[0])
    np.testing.assert_array_equal(finding.witness.input, context.dataset.inputs[row])
    held = claim(at_least=0.7, epsilon=0.0, gamma=1e-4).check(context)
    assert held.verdict is Verdict.HOLDS
    assert "weights.npz" not in held.files


def test_rows_that_are_wrong_count_as_refuted(loans: Loans) -> None:
    context = loans()
    inputs = context.dataset.inputs + np.array([0.25, 0], np.float32)  # nowhere near a tie
    labels = (inputs[:, 0] <= 5 + np.maximum(inputs[:, 1] - 5, 0)).astype(np.int64)
    none = np.empty(0, np.float32)
    data = dataclasses.replace(
        context.dataset, inputs=inputs, labels=labels, lower=none, upper=none
    )
    wrong = dataclasses.replace(context, dataset=data)
    finding = claim(epsilon=1e-3).check(wrong)
    assert (finding.verdict, finding.value) == (Verdict.VIOLATED, 0.0)
    assert finding.witness is not None
    assert "without any change" in finding.witness.sentence


def test_units_and_the_data_range(loans: Loans) -> None:
    context = loans()
    raw = claim(epsilon=1.0, population=False).check(context)
    wide = claim(epsilon=0.1, normalise="range", population=False).check(context)
    assert raw.interval == wide.interval
    beyond = claim(epsilon=1.0, population=False, beyond_data=True).check(context)
    assert beyond.interval is not None
    assert raw.interval is not None
    assert beyond.interval[1] <= raw.interval[1]
    assert any("beyond the data's range" in text for text in beyond.assumptions)


def test_rows_outside_of_the_range_are_named(loans: Loans) -> None:
    context = loans(lower=np.zeros(2), upper=np.full(2, 9.5))
    with pytest.raises(DataError, match=r"21 of the 121 rows leave the data's range.*beyond_data"):
        claim().check(context)
    assert claim(beyond_data=True).check(context).value is not None


def test_exhibits_and_files(loans: Loans) -> None:
    context = loans()
    table, chart, curve = claim(curve=[1.0, 0.01]).check(context).exhibits
    assert isinstance(table, Table)
    assert isinstance(chart, IntervalChart)
    assert isinstance(curve, CurveChart)
    assert sum(int(row[1] or 0) for row in table.rows) == 121
    certified, kept = curve.curves
    assert certified.x == (0.01, 0.2, 1.0)
    assert all(a <= b for a, b in zip(certified.y, kept.y, strict=True))
    assert list(certified.y) == sorted(certified.y, reverse=True)
    rows = claim(samples=7).check(context).files["inputs.csv"].content.decode().splitlines()
    assert rows[0] == "row,found,method,attack"
    assert len(rows) == 8


def test_rows_are_drawn_by_the_seed_or_the_first(loans: Loans) -> None:
    context = loans()

    def rows(**keys: Any) -> list[str]:
        text = claim(samples=9, **keys).check(context).files["inputs.csv"].content.decode()
        return [line.split(",")[0] for line in text.splitlines()[1:]]

    assert rows(draw="first") == [str(i) for i in range(9)]
    assert rows() == rows()
    assert rows() != rows(draw="first")
    other = dataclasses.replace(context, seed=1)
    assert claim(samples=9).check(other).files != claim(samples=9).check(context).files


def test_a_limit_of_time_is_no_verdict(loans: Loans) -> None:
    finding = claim(max_seconds=1e-9).check(loans())
    assert finding.verdict is Verdict.UNDECIDED
    assert "Not all was done: the limit of 1e-09 s came first" in finding.reason


def test_it_says_what_it_cannot_check(loans: Loans) -> None:
    with pytest.raises(ContractError, match="nothing varies"):
        claim(epsilon=0.0)
    with pytest.raises(ContractError, match=r"model\] output"):
        claim().check(loans(single=True))
    with pytest.raises(DataError, match="no classes"):
        claim().check(loans(labels=np.linspace(0, 1, 121), class_names=()))


def test_the_sentence_says_what_is_claimed() -> None:
    assert claim(normalise="sigma", gamma=0.1).text == (
        "The prediction is right and stays so under any change of every feature by 0.2 standard"
        " deviations and of every weight by 0.1 of its size, for at least 0.8 of inputs like those"
        " of test (95\N{NO-BREAK SPACE}% confidence)"
    )
    assert claim(population=False, samples=5, draw="first").text.endswith(
        "for at least 0.8 of the first 5 rows of test"
    )
