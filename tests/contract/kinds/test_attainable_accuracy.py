"""The claim kind `attainable_accuracy`."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load as load_weights
from tests.contract.trainable import QUICK, trainable

from affidavit import statistics
from affidavit.contract import AttainableAccuracy, Context, Finding
from affidavit.contract.attained import attained
from affidavit.errors import ContractError
from affidavit.evidence import (
    CurveChart,
    Grade,
    HistogramChart,
    IntervalChart,
    Table,
    Verdict,
)
from affidavit.initialization.training import Dense


def claim(**keys: Any) -> AttainableAccuracy:
    given = {"id": "a", "at_least": 0.8, "max_trial": 4, **QUICK}
    return AttainableAccuracy(**(given | keys))


def runs_of(finding: Finding) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(finding.files["runs.csv"].content.decode())))


def tables(finding: Finding) -> dict[str, dict[Any, tuple[Any, ...]]]:
    """The rows of each table, by its title and their first cell."""
    return {
        exhibit.title: {row[0]: row[1:] for row in exhibit.rows}
        for exhibit in finding.exhibits
        if isinstance(exhibit, Table)
    }


WORTH = "What choosing was worth, on rows that it never saw"


def judged(subject: Context, finding: Finding, part: str = "test") -> np.ndarray[Any, Any]:
    """Whether the network of the weights that are kept is right on each row."""
    model = Dense((6,)).make((2,), 2)
    model.load_state_dict(load_weights(finding.files["chosen.safetensors"].content))
    rows = subject.part(part)
    found: np.ndarray[Any, Any] = model(torch.tensor(rows.inputs)).argmax(1).numpy() == rows.labels
    return found


def test_what_is_reached_is_that_of_the_weights_kept() -> None:
    subject = trainable()
    finding = claim().check(subject)
    assert (finding.verdict, finding.grade) == (Verdict.HOLDS, Grade.STATISTICAL)
    right = int(judged(subject, finding).sum())
    assert finding.value == right / 100
    assert finding.interval == (
        statistics.binomial_lower(right, 100, 0.95),
        statistics.binomial_upper(right, 100, 0.95),
    )
    runs = runs_of(finding)
    assert [run["run"] for run in runs] == ["0", "1", "2", "3", "4"]
    assert len({run["seed"] for run in runs}) == 5
    chosen = [place for place, run in enumerate(runs) if run["chosen"] == "yes"]
    validation = [float(run["validation"]) for run in runs]
    assert chosen == [int(np.argmax(validation))]
    assert float(runs[chosen[0]]["test"]) == finding.value
    assert judged(subject, finding, "validation").mean() == validation[chosen[0]]
    assert finding.evaluations == 5 * 200
    assert "0.8 is met. The search ended as all runs were made, after 5 runs." in finding.reason


def test_what_choosing_was_worth() -> None:
    finding = claim().check(trainable())
    runs = runs_of(finding)
    validation, test = (
        np.array([float(run[part]) for run in runs]) for part in ("validation", "test")
    )
    chosen = int(np.argmax(validation))
    found = tables(finding)
    first, mean, optimism = (
        found[WORTH][name]
        for name in ("gain over the first run", "gain over the mean run", "optimism of choosing")
    )
    assert first[0] == pytest.approx(test[chosen] - test[0])
    assert mean[0] == pytest.approx(test[chosen] - test.mean())
    lost = (validation[chosen] - validation.mean()) - (test[chosen] - test.mean())
    assert optimism[0] == pytest.approx(lost)
    for value, lower, upper in (first, mean, optimism):
        assert lower <= value <= upper
    assert found["Accuracies"] == {
        f"chosen run ({chosen})": (validation[chosen], test[chosen]),
        "first run (0)": (validation[0], test[0]),
        "mean of 5 complete runs": (pytest.approx(validation.mean()), pytest.approx(test.mean())),
    }
    spread = found["Spread from run to run"]
    assert spread["seen in the accuracies"][0] == pytest.approx(test.std(ddof=1))
    kinds = [type(exhibit) for exhibit in finding.exhibits]
    charts = [HistogramChart, CurveChart]
    assert kinds == [IntervalChart, Table, Table, Table, *charts, Table]


def test_noise_is_not_attained_and_gains_nothing() -> None:
    finding = claim(max_trial=20, epochs=2).check(trainable(200, noise=0.5))
    assert finding.verdict is Verdict.VIOLATED
    assert "did not attain 0.8" in finding.reason
    bound = math.ceil((1 - 0.05 ** (1 / 21)) * 1e4) / 1e4
    assert "Of 21 freshly seeded runs, none reached 0.8 on the validation rows" in finding.reason
    assert f"with a probability of at most {bound:.4f}" in finding.reason
    found = tables(finding)
    for name in ("gain over the first run", "gain over the mean run"):
        assert found[WORTH][name][1] <= 0
    assert found[WORTH]["optimism of choosing"][0] > 0
    assert found["Search"]["runs that reach it on validation"] == (0,)


def test_undecided_says_what_would_decide() -> None:
    finding = claim(at_least=0.95).check(trainable(40))
    assert finding.verdict is Verdict.UNDECIDED
    further = tables(finding)["Search"]["further rows that would decide"][0]
    assert isinstance(further, int)
    assert f"about {further:,} further held-out rows" in finding.reason
    assert finding.interval is not None
    assert finding.interval[0] < 0.95 < finding.interval[1]


def test_trials_that_depend_on_each_other_say_nothing_of_fresh_runs() -> None:
    finding = claim(
        at_least=0.99, strategy={"name": "walk", "deltas": [0.01, -0.01], "budget": 2}
    ).check(trainable())
    runs = runs_of(finding)
    moves = [(float(run["delta"]), int(run["step"])) for run in runs]
    assert moves == [(0.01, 0), (0.01, 1), (0.01, 2), (-0.01, 1), (-0.01, 2)]
    found = tables(finding)
    assert list(found[WORTH]) == ["gain over the first run"]
    assert "Spread from run to run" not in found
    assert not any("fresh run" in str(row) for row in found["Search"])
    assert "freshly seeded" not in finding.reason
    assert any("walk depend on each other" in text for text in finding.assumptions)


@pytest.mark.parametrize("strategy", ["anneal", "initializers", "halving"])
def test_every_strategy_can_be_named(strategy: str) -> None:
    finding = claim(strategy=strategy, at_least=0.5).check(trainable())
    assert finding.verdict is Verdict.HOLDS
    assert tables(finding)["Search"]["strategy"] == (strategy,)


def test_a_search_ends_at_the_gain_and_is_silent_on_how_often() -> None:
    subject = trainable(noise=0.1)
    keys = {"epochs": 1, "at_least": 0.7}
    finding = claim(max_gain=0.05, max_trial=60, **keys).check(subject)
    assert "The search ended as the gain was reached, after" in finding.reason
    runs = runs_of(finding)
    assert len(runs) < 61
    assert max(float(run["validation"]) for run in runs) >= float(runs[0]["validation"]) + 0.05
    assert "runs that reach it on validation" not in tables(finding)["Search"]
    every = claim(**keys).check(subject)
    assert tables(every)["Search"]["runs that reach it on validation"][0] > 0


def test_time_is_a_limit() -> None:
    finding = claim(max_time=0.05, max_trial=None).check(trainable())
    assert "The search ended as the time was up" in finding.reason
    assert "Caution" not in finding.reason
    assert any("depends on the machine" in text for text in finding.assumptions)


def test_a_claim_in_words() -> None:
    assert claim(max_time=60.0, max_gain=0.1).text == (
        "Dense networks of 6 hidden neurons (relu), trained for 4 epochs (adam, learning rate 0.05,"
        " batches of 20), reach an accuracy of at least 0.8 within 4 trials and 60 seconds, or"
        " until the gain is 0.1, by the strategy reseed (95\N{NO-BREAK SPACE}% confidence)"
    )
    many = claim(channels=[4, 8], hidden=[], strategy={"name": "halving", "population": 4})
    assert many.text.startswith("Convolutional networks of 4, 8 feature maps, trained for")
    assert "by the strategy halving" in many.text
    assert claim(hidden=None).text.startswith("Networks of the structure of [model], trained for")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"max_trial": None}, r"the search has no end: expected max_time \(seconds\), max_trial"),
        ({"max_trial": 0}, r"max_trial: expected greater than or equal to 1, got 0 \(runs after"),
        ({"max_time": 0.0}, "max_time: expected greater than 0, got 0.0"),
        ({"max_gain": 1.5}, "max_gain: expected less than or equal to 1, got 1.5"),
        ({"at_least": 97.0}, "at_least: expected less than or equal to 1, got 97.0"),
        ({"strategy": "reseeding"}, r"name 'reseeding' \(did you mean 'reseed'\?\): reseed, walk"),
        ({"strategy": {"budget": 3}}, "there is none of the name None: reseed"),
        (
            {"strategy": {"name": "walk", "delta": 0.1}},
            r"walk has no setting 'delta' \(did you mean 'deltas'\?\): deltas, budget",
        ),
        ({"strategy": {"name": "reseed", "n": 1}}, "reseed has no setting 'n': it has none"),
        ({"strategy": {"name": "walk", "deltas": [0.0]}}, "strategy: deltas are .*0.0"),
        ({"strategy": {"name": "walk", "deltas": 0.1}}, "strategy: "),
    ],
    ids=[
        "no end", "no trial", "no time", "gain", "target", "name", "no name", "setting", "none",
        "zero step", "no list",
    ],
)  # fmt: skip
def test_faulty_keys(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ContractError, match=said):
        claim(**keys)


def test_time_that_was_spent_before_is_told() -> None:
    found = attained(claim(max_time=50.0), trainable())
    assert "Caution" not in found.ending
    *others, last = found.result.runs
    late = dataclasses.replace(last, finished=1000.0)
    result = dataclasses.replace(found.result, runs=(*others, late))
    assert dataclasses.replace(found, result=result).ending.endswith(
        "Caution: with what was stored before it took 16 min 40 s in all, more than max_time."
    )
