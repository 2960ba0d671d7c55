from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from tests.mutation.networks import inputs, network

from affidavit.errors import DomainError
from affidavit.mutation import (
    Mutant,
    SequentialTest,
    operating_characteristics,
    sequential_label_change,
    votes,
)
from affidavit.mutation.edits import tensors_of
from affidavit.mutation.layers import layers_of
from affidavit.mutation.operators import drawing

TEST = SequentialTest(0.1, 0.3, alpha=0.05, beta=0.1, truncation=60)


def ended(test: SequentialTest, changes: np.ndarray) -> tuple[bool, int, int]:
    """Decision, mutants and changes of one input, by the definition."""
    count = 0
    for used, change in enumerate(changes[: test.truncation], 1):
        count += int(change)
        ratio = (test.p1 / test.p0) ** count * ((1 - test.p1) / (1 - test.p0)) ** (used - count)
        if ratio >= (1 - test.beta) / test.alpha:
            return True, used, count
        if ratio <= test.beta / (1 - test.alpha):
            return False, used, count
    return count / test.truncation > test.cut, test.truncation, count


@pytest.mark.parametrize(
    "test",
    [SequentialTest(0.2, 0.5, 0.1, 0.2, 9), SequentialTest(0.1, 0.4, 0.3, 0.3, 8, threshold=0.25)],
    ids=["default cut", "threshold"],
)
def test_characteristics_equal_the_sum_over_all_courses(test: SequentialTest) -> None:
    rates = np.array([0.0, 0.2, 0.55, 1.0])
    unstable, mutants = np.zeros(4), np.zeros(4)
    for course in product((0, 1), repeat=test.truncation):
        changes = np.array(course)
        probability = rates ** changes.sum() * (1 - rates) ** (len(changes) - changes.sum())
        decision, used, _ = ended(test, changes)
        unstable += probability * decision
        mutants += probability * used
    found = operating_characteristics(test, rates)
    np.testing.assert_allclose(found.unstable, unstable, atol=1e-12)
    np.testing.assert_allclose(found.mutants, mutants, atol=1e-12)


def test_error_rates_hold_in_simulation() -> None:
    found = operating_characteristics(TEST, [TEST.p0, TEST.p1])
    random = np.random.default_rng(0)
    runs = 3000
    for place, rate in enumerate((TEST.p0, TEST.p1)):
        courses = random.random((runs, TEST.truncation)) < rate
        results = [ended(TEST, course) for course in courses]
        share = np.mean([decision for decision, _, _ in results])
        error = 4 * np.sqrt(found.unstable[place] * (1 - found.unstable[place]) / runs)
        assert abs(share - found.unstable[place]) < error
        used = np.array([used for _, used, _ in results])
        assert abs(used.mean() - found.mutants[place]) < 4 * used.std() / np.sqrt(runs)


def test_wald_s_bounds_hold_without_truncation() -> None:
    test = SequentialTest(0.1, 0.3, 0.05, 0.1, 2000)
    found = operating_characteristics(test, [0.1, 0.3])
    assert found.unstable[0] <= test.alpha / (1 - test.beta)
    assert 1 - found.unstable[1] <= test.beta / (1 - test.alpha)
    assert found.truncated.max() < 1e-9
    assert found.mutants.max() < 40


def test_stable_inputs_stop_too() -> None:
    # log(0.1 / 0.95) / log(0.7 / 0.9) = 8.96
    assert ended(TEST, np.zeros(60, bool)) == (False, 9, 0)
    decisions = [TEST.decide([0], used).item() for used in range(1, 10)]
    assert decisions == [-1] * 8 + [0]
    found = operating_characteristics(TEST, [0.0, 1.0])
    assert found.mutants[0] == 9
    assert found.unstable.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("engine", ["graph", "module"])
def test_decisions_are_those_of_the_votes(engine: str) -> None:
    model = network("residual")
    x = inputs(40)
    draw = drawing("NAI", "wu", 0.04, layers_of(model, x), tensors_of(model), ())
    random = np.random.default_rng(0)
    mutants: list[Mutant] = [draw(random) for _ in range(30)]
    changed = votes(model, mutants, x).numpy()
    for limit in (30, 12):
        found = sequential_label_change(
            model, mutants, x, 0.1, 0.3, alpha=0.1, beta=0.1, truncation=limit, engine=engine,
            batch_size=16,
        )  # fmt: skip
        expected = [ended(found.test, column) for column in changed.T]
        assert found.unstable.tolist() == [decision for decision, _, _ in expected]
        assert found.used.tolist() == [used for _, used, _ in expected]
        rates = [count / used for _, used, count in expected]
        torch.testing.assert_close(found.rate, torch.tensor(rates, dtype=torch.float64))
        assert found.unstable.any()
        assert not found.unstable.all()
    assert found.used.min() < 12


def test_no_inputs_and_bad_numbers() -> None:
    model = network("plain")
    draw = drawing("NAI", "wu", 0.1, layers_of(model, inputs()), tensors_of(model), ())
    mutants = [draw(np.random.default_rng(0))]
    assert sequential_label_change(model, mutants, inputs(0), 0.1, 0.2).rate.shape == (0,)
    with pytest.raises(DomainError, match="truncation is 3, but there are 1 mutants"):
        sequential_label_change(model, mutants, inputs(), 0.1, 0.2, truncation=3)
    with pytest.raises(DomainError, match="expected rates with 0 < p0 < p1 < 1"):
        SequentialTest(0.3, 0.3)
    with pytest.raises(DomainError, match="expected error rates"):
        SequentialTest(0.1, 0.3, alpha=0.5)
    with pytest.raises(DomainError, match="truncation is 0"):
        SequentialTest(0.1, 0.3, truncation=0)
    with pytest.raises(DomainError, match="threshold is 1"):
        SequentialTest(0.1, 0.3, threshold=1.0)
    with pytest.raises(DomainError, match=r"numbers in \[0, 1\]"):
        operating_characteristics(TEST, [0.1, 1.2])
