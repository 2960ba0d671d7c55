"""The claim kind `seed_stability`."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from tests.contract.trainable import QUICK, trainable
from torch import nn

from affidavit.contract import Finding, SeedStability
from affidavit.contract.factory import Factory
from affidavit.errors import ContractError, DataError
from affidavit.evidence import Grade, HistogramChart, Table, Verdict


def claim(**keys: Any) -> SeedStability:
    given = {"id": "s", "at_most": 0.2, "content": 0.6, "runs": 10, **QUICK}
    return SeedStability(**(given | keys))


def accuracies(finding: Finding, part: str = "test") -> np.ndarray[Any, Any]:
    rows = csv.DictReader(io.StringIO(finding.files["runs.csv"].content.decode()))
    return np.array([float(row[part] or "nan") for row in rows])


def tables(finding: Finding) -> dict[str, tuple[tuple[Any, ...], ...]]:
    return {one.title: one.rows for one in finding.exhibits if isinstance(one, Table)}


def test_the_width_is_that_of_order_statistics() -> None:
    finding = claim().check(trainable())
    assert (finding.verdict, finding.grade) == (Verdict.HOLDS, Grade.STATISTICAL)
    found = np.sort(accuracies(finding))
    assert len(found) == 10
    # The fewest successive ones that show the share, and the narrowest place where they lie.
    enough = next(m for m in range(1, 11) if (11 - m) * stats.binom.sf(m - 2, 10, 0.6) <= 0.05)
    low, high = min(
        ((found[k], found[k + enough - 1]) for k in range(11 - enough)), key=lambda e: e[1] - e[0]
    )
    assert finding.value == pytest.approx(high - low)
    (row,) = tables(finding)["Narrowest interval that holds 60\N{NO-BREAK SPACE}% of all runs"]
    assert row == (low, high, finding.value, 0.2, enough, 10)
    runs = dict(tables(finding)["Runs"])
    assert (runs["least accuracy"], runs["greatest accuracy"]) == (found[0], found[-1])
    spread = tables(finding)["Spread from run to run"]
    assert spread[0][1] == pytest.approx(found.std(ddof=1))
    assert any(isinstance(exhibit, HistogramChart) for exhibit in finding.exhibits)
    assert finding.evaluations == 10 * 100


def test_too_wide_is_violated_or_undecided_by_the_number_within() -> None:
    subject = trainable()
    violated = claim(at_most=0.0, content=0.9).check(subject)
    found = accuracies(violated)
    most = max(int((found == value).sum()) for value in found)
    p_value = stats.binom.cdf(most, 10, 0.9)
    assert p_value <= 0.05
    assert violated.verdict is Verdict.VIOLATED
    assert dict(tables(violated)["Runs"])["p of so few, if the claim were true"] == p_value
    assert violated.value is None  # ten runs cannot show where 90 % lie
    span = float(found.max() - found.min())
    undecided = claim(at_most=span, content=0.9).check(subject)
    assert undecided.verdict is Verdict.UNDECIDED
    further = dict(tables(undecided)["Runs"])["further runs like these that would decide"]
    assert further == 36  # to 46
    assert "about 36 further runs like these would." in undecided.reason


def test_a_part_of_the_data_to_measure_on() -> None:
    subject = trainable()
    test, validation = (claim(on=part).check(subject) for part in ("test", "validation"))
    np.testing.assert_array_equal(accuracies(test), accuracies(validation))  # trained once
    values = accuracies(validation, "validation")
    runs = dict(tables(validation)["Runs"])
    assert (runs["least accuracy"], runs["greatest accuracy"]) == (values.min(), values.max())
    assert any("100 rows of 'validation'" in text for text in validation.assumptions)
    parts = {name: subject.dataset.parts[name] for name in ("train", "test")}
    two = dataclasses.replace(subject, dataset=dataclasses.replace(subject.dataset, parts=parts))
    alone = claim().check(dataclasses.replace(two, _parts={}, _kept={}))
    # The rows that measure stand where others are chosen on.
    np.testing.assert_allclose(accuracies(alone, "validation"), accuracies(test), atol=0.011)
    assert alone.verdict is Verdict.HOLDS
    with pytest.raises(DataError, match="larger has no part 'tast', only: train, validation, test"):
        claim(on="tast").check(subject)


class Failing(Factory):
    """A network of which about every third cannot be trained."""

    def load(self) -> Any:
        def make() -> nn.Module:
            first, last = nn.Linear(2, 4), nn.Linear(4, 2)
            if torch.rand(()) < 0.35:
                nn.init.constant_(first.weight, math.nan)
            return nn.Sequential(first, nn.ReLU(), last)

        return make


def test_a_run_that_fails_lies_in_no_span() -> None:
    factory = Failing("made.py:net", {}, Path())
    finding = claim(hidden=None, content=0.95, at_most=0.99).check(
        trainable(factory=factory, seed=3)
    )
    found = accuracies(finding)
    failed = int(np.isnan(found).sum())
    assert 2 <= failed <= 6
    assert f"({failed} diverged)" in finding.reason
    runs = dict(tables(finding)["Runs"])
    assert (runs["failed"], runs["most runs within 0.99"]) == (failed, 10 - failed)
    expected = stats.binom.cdf(10 - failed, 10, 0.95) <= 0.05
    assert finding.verdict is (Verdict.VIOLATED if expected else Verdict.UNDECIDED)


def test_a_claim_in_words() -> None:
    assert claim(momentum=0.9, optimizer="sgd", hidden=[]).text == (
        "60\N{NO-BREAK SPACE}% of networks without hidden layers, trained for 4 epochs (sgd,"
        " learning rate 0.05, momentum 0.9, batches of 20), have accuracies on test within a span"
        " of 0.2 (95\N{NO-BREAK SPACE}% confidence)"
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"runs": 1}, "runs: expected greater than or equal to 2, got 1 .fresh runs"),
        ({"at_most": 1.0}, "at_most: expected less than 1, got 1.0"),
        ({"content": 1.0}, "content: expected less than 1, got 1.0"),
        ({"on": "train"}, "on: networks are trained on 'train'; expected a part"),
    ],
    ids=["one run", "span", "content", "train"],
)
def test_faulty_keys(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ContractError, match=said):
        claim(**keys)
