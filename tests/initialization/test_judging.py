"""What is said of a search, and what is not said where it would not hold."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from tests.initialization.problems import descend, exclusive_or, small
from torch import nn

from affidavit.errors import DataError
from affidavit.evidence import Verdict
from affidavit.initialization.evidence import certified, gain_over_mean, spread
from affidavit.initialization.judging import judge
from affidavit.initialization.searching import search

DATA = exclusive_or()


def run(**options: Any) -> Any:
    given: dict[str, Any] = {"max_trial": 6, "train": descend}
    return search(small, DATA, **given | options)


def test_fresh_runs_are_judged_in_every_way() -> None:
    result = run()
    found = judge(result, 0.9)
    test = result.correct("test")
    assert found.certified == certified(test[result.place], 0.9)
    assert found.over_mean == gain_over_mean(test[result.place], test, 0.9)
    assert found.spread == spread(test, 0.9)
    assert found.best is not None
    assert found.best.runs == 7
    assert found.interval is None  # for that there are too few
    assert found.decision is None
    assert all(part in " ".join(found.sentences) for part in ("never saw", "mean of the 7 runs"))


def test_of_46_runs_an_interval_is_given() -> None:
    few, enough = judge(run(max_trial=44)), judge(run(max_trial=45))
    assert few.interval is None
    assert enough.interval is not None


def test_runs_that_failed_are_below_all_others_in_the_interval() -> None:
    calls = itertools.count()

    def sometimes(model: nn.Module, *given: Any) -> None:
        descend(model, *given)
        if next(calls) in (3, 8):
            next(model.parameters()).data.fill_(np.nan)

    found = judge(run(max_trial=47, train=sometimes))
    assert found.interval is not None
    assert found.interval.lower == -np.inf
    assert found.best is not None
    assert found.best.runs == 48
    assert "mean of the 46 runs" in found.sentences[2]


@pytest.mark.parametrize("strategy", ["walk", "anneal"])
def test_nothing_is_said_of_all_runs_where_trials_depend_on_each_other(strategy: str) -> None:
    found = judge(run(strategy=strategy), at_least=0.99)
    apart = (found.over_mean, found.optimism, found.spread, found.interval, found.success)
    assert all(one is None for one in apart)
    assert found.decision is not None
    assert found.decision.verdict is Verdict.VIOLATED


def test_a_decision_takes_the_place_of_the_certificate() -> None:
    found = judge(run(), at_least=0.99)
    assert found.decision is not None
    assert found.success is not None
    assert found.success.successes == 0
    assert found.sentences[0] == found.decision.text
    assert sum("is right on" in sentence for sentence in found.sentences) == 1


def test_successes_of_a_search_that_luck_ended_bound_nothing() -> None:
    reached = float(np.sort(run().accuracies)[-1])
    assert judge(run(), at_least=reached).success is not None
    assert judge(run(target=reached), at_least=reached).success is None


def test_runs_that_agree_everywhere_have_no_spread() -> None:
    def constant(model: nn.Module, *_: Any) -> None:
        for value in model.parameters():
            value.data.zero_()

    assert judge(run(train=constant)).spread is None


def test_without_untouched_rows_there_is_no_judgement() -> None:
    parts = {"train": np.arange(100), "validation": np.arange(100, 200)}
    result = search(small, dataclasses.replace(DATA, parts=parts), max_trial=2, train=descend)
    with pytest.raises(DataError, match="kept from choosing"):
        judge(result)
