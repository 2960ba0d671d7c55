"""The claim kind `explanation_robust`, on a network whose gradients are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from affidavit.contract import Context, ExplanationRobust
from affidavit.contract.reading import contract_from
from affidavit.evidence import Grade, Verdict

Loans = Callable[..., Context]


def claim(**keys: Any) -> ExplanationRobust:
    given: dict[str, Any] = {
        "at_least": 0.5, "epsilon": 0.5, "tau": 0.1, "output": "approve", "population": False,
    }  # fmt: skip
    return ExplanationRobust(id="a", **(given | keys))


def constant(context: Context, reach: float) -> float:
    """Share of grid points whose gradient is the same all over the box.

    The gradient of approve is (1 where age > 4, -1 where debt > 5).
    """
    age, debt = context.dataset.inputs.astype(float).T
    low = np.maximum(np.stack([age, debt]) - reach, 0)
    high = np.minimum(np.stack([age, debt]) + reach, 10)
    edge = np.array([[4.0], [5.0]])
    same = ((low > edge) == (high > edge)).all(0)
    return float(same.mean())


@pytest.mark.parametrize("reach", [0.3, 0.5, 1.25])
def test_untargeted(loans: Loans, reach: float) -> None:
    context = loans()
    finding = claim(epsilon=reach).check(context)
    assert finding.interval is not None
    # Any change of a slope of 1 is a mean squared difference of at least 1/2.
    assert finding.interval[0] <= constant(context, reach) <= finding.interval[1]
    assert finding.interval[0] == pytest.approx(constant(context, reach))
    assert finding.grade is Grade.SOUND
    loose = claim(epsilon=reach, tau=1.01, at_least=1.0).check(context)
    assert (loose.verdict, loose.value) == (Verdict.HOLDS, 1.0)


def test_a_population_is_statistical(loans: Loans) -> None:
    finding = claim(population=True).check(loans())
    assert (finding.verdict, finding.grade) == (Verdict.HOLDS, Grade.STATISTICAL)
    assert any("Where it jumps" in text for text in finding.assumptions)


def test_the_witness_has_another_explanation(loans: Loans) -> None:
    context = loans()
    finding = claim(epsilon=1.25, at_least=0.9).check(context)
    assert finding.verdict is Verdict.VIOLATED
    seen = finding.witness
    assert seen is not None
    row = int(seen.sentence.split("row ")[1].split(" ")[0])
    x = context.dataset.inputs[row]
    assert np.abs(np.array(seen.input) - x).max() <= 1.25

    def slopes(point: Any) -> Any:
        return np.array([point[0] > 4, -1.0 * (point[1] > 5)], float)

    difference = ((slopes(np.array(seen.input)) - slopes(x)) ** 2).mean()
    assert difference > 0.1
    assert f"a mean squared difference of {difference:g} from the explanation" in seen.sentence


def test_top_k(loans: Loans) -> None:
    # Where age is below 4, debt alone can lead; above, both weigh 1, and a tie is no lead.
    finding = claim(against="top_k", tau=None, features=["net debt"], k=1, epsilon=0.25)
    found = finding.check(loans())
    age, debt = loans().dataset.inputs.astype(float).T
    leads = (np.maximum(age - 0.25, 0) <= 4) & (np.minimum(debt + 0.25, 10) > 5)
    assert found.interval is not None
    assert found.interval[0] <= 1 - leads.mean() <= found.interval[1]
    other = claim(against="top_k", tau=None, features=["net debt"], k=1, at_least=1.0)
    seen = other.check(loans()).witness
    assert seen is not None
    assert "net debt is among the 1 largest features" in seen.sentence


def test_targeted(loans: Loans, tmp_path: Any) -> None:
    import dataclasses

    np.save(tmp_path / "goal.npy", np.array([1.0, -1.0]))
    context = dataclasses.replace(loans(), folder=tmp_path)
    finding = claim(against="targeted", goal="goal.npy", epsilon=0.5).check(context)
    age, debt = context.dataset.inputs.astype(float).T
    reached = (np.minimum(age + 0.5, 10) > 4) & (np.minimum(debt + 0.5, 10) > 5)
    assert finding.interval is not None
    assert finding.interval[0] <= 1 - reached.mean() <= finding.interval[1]
    assert finding.interval[0] == pytest.approx(1 - reached.mean())


def test_weights_and_their_file(loans: Loans) -> None:
    finding = claim(epsilon=0.0, gamma=0.6, at_least=0.9, tau=0.01).check(loans())
    assert finding.verdict is Verdict.VIOLATED
    assert finding.witness is not None
    assert "with the weights of the attached weights.npz" in finding.witness.sentence
    assert "weights.npz" in finding.files


def test_other_scores(loans: Loans) -> None:
    for keys in (
        {"loss": "cross_entropy", "output": "deny"},
        {"loss": "margin", "output": None, "margin": ["approve", "deny"]},
        {"loss": "margin", "output": None},
        {"metric": "cosine", "tau": 0.9, "output": None},
    ):
        finding = claim(**keys).check(loans())
        assert finding.interval is not None
        assert finding.interval[0] <= finding.interval[1]


def test_in_a_contract_and_in_words() -> None:
    contract = contract_from(
        {
            "model": {"source": "m.onnx"},
            "data": {"source": "d.csv"},
            "claim": [
                {"id": "a", "kind": "explanation_robust", "at_least": 0.9, "epsilon": 1, "tau": 2}
            ],
        }
    )
    expected = ExplanationRobust(id="a", at_least=0.9, epsilon=1.0, tau=2.0)
    assert contract.claim[0] == expected
    assert expected.text == (
        "The explanation of the predicted class stays within a mean squared difference of at most 2"
        " under any change of every feature by 1, for at least 0.9 of inputs like those of test"
        " (95\N{NO-BREAK SPACE}% confidence)"
    )
