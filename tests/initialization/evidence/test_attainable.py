"""The decision on an attained accuracy, and what would decide it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from tests.initialization.evidence import made_runs
from tests.reference import runs_and_rows as reference

from affidavit.errors import DomainError
from affidavit.evidence import Verdict
from affidavit.initialization.evidence import (
    Certified,
    Spread,
    attainable,
    certified,
    further_runs,
    spread,
    success_probability,
)
from affidavit.statistics import binomial_lower


def seen(right: int, rows: int, confidence: float = 0.95) -> Certified:
    return certified(np.arange(rows) < right, confidence)


def seeds(mean: float, deviation: float, sampling: float = 1e-5, runs: int = 20) -> Spread:
    """A spread as of so many runs on 1,000 rows."""
    true = deviation**2
    return Spread(mean, runs, 1000, true + sampling, sampling, true, 0, 1, 0.95, 2, 0.01)


def test_the_verdict_is_that_of_the_bounds() -> None:
    for right in range(0, 61, 3):
        found = seen(right, 60)
        for at_least in (0.05, 0.5, 0.8, 0.999):
            verdict = attainable(found, at_least).verdict
            assert (verdict is Verdict.HOLDS) == (found.lower >= at_least)
            assert (verdict is Verdict.VIOLATED) == (found.upper < at_least)


@pytest.mark.parametrize("rows", [20, 300])
@pytest.mark.parametrize("at_least", [0.3, 0.9, 0.99])
def test_wrong_verdicts_are_rare_by_enumeration(rows: int, at_least: float) -> None:
    verdicts = [attainable(seen(right, rows), at_least).verdict for right in range(rows + 1)]
    for accuracy, wrong in ((at_least - 1e-9, Verdict.HOLDS), (at_least, Verdict.VIOLATED)):
        chances = stats.binom.pmf(np.arange(rows + 1), rows, accuracy)
        assert chances[[verdict is wrong for verdict in verdicts]].sum() <= 0.05 + 1e-9


def test_further_rows_are_those_that_decide() -> None:
    found = attainable(seen(960, 1000), 0.95)
    assert found.verdict is Verdict.UNDECIDED
    assert found.further_rows is not None
    total = 1000 + found.further_rows
    assert binomial_lower(int(0.96 * total), total, 0.95) >= 0.95
    assert binomial_lower(int(0.96 * (total - 60)), total - 60, 0.95) < 0.95
    never = attainable(seen(950, 1000), 0.95)
    assert (never.further_rows, never.further_runs) == (None, None)
    assert "nothing more of the same decides" in never.text


def test_further_runs_are_the_first_whose_best_is_shown() -> None:
    rows, at_least, confidence = 1000, 0.95, 0.95
    # The fewest right rows that show it, by trying all.
    needed = next(k for k in range(rows + 1) if binomial_lower(k, rows, confidence) >= at_least)
    for mean, deviation in ((0.95, 0.006), (0.955, 0.004), (0.95, 0.02)):
        found = further_runs(seeds(mean, deviation), rows, at_least, confidence)
        assert found is not None
        total = found
        assert mean + deviation * reference.expected_best(total) >= needed / rows
        if found > 1:
            assert mean + deviation * reference.expected_best(total - 1) < needed / rows


def test_choosing_on_few_rows_takes_more_runs() -> None:
    runs = [
        further_runs(seeds(0.95, 0.006, sampling=2e-5), 1000, 0.95, 0.95, rows)
        for rows in (None, 3000, 1000, 500)
    ]
    known = [found for found in runs if found is not None]
    assert known == sorted(known)
    assert len(set(known)) == len(known) == 4
    assert further_runs(seeds(0.95, 0.006, sampling=2e-5), 1000, 0.95, 0.95, 5) is None


def test_what_choosing_on_few_rows_gives_is_simulated() -> None:
    generator = np.random.default_rng(0)
    runs, rows, deviation, repeats = 30, 400, 0.02, 400
    got, noise = 0.0, []
    for _ in range(repeats):
        ability = made_runs.normal_abilities(generator, runs, deviation)
        validation = made_runs.outcomes(generator, ability, rows)
        got += ability[validation.sum(1).argmax()] * made_runs.MEAN_EASE / repeats
        noise.append(spread(validation).sampling)
    promised = deviation**2 / (deviation**2 + np.mean(noise)) ** 0.5 * reference.expected_best(runs)
    assert got - 0.8 * made_runs.MEAN_EASE == pytest.approx(promised, rel=0.1)


def test_without_spread_or_hope_there_is_no_number_of_runs() -> None:
    assert further_runs(seeds(0.95, 0.0), 1000, 0.95, 0.95) is None
    assert further_runs(seeds(0.5, 0.001), 1000, 0.95, 0.95) is None
    assert further_runs(seeds(0.95, 0.01), 20, 0.95, 0.95) is None  # not even 20 of 20 show it
    assert further_runs(seeds(0.99, 0.01), 1000, 0.95, 0.95) == 1


def test_what_was_not_attained_is_said_of_the_search_alone() -> None:
    success = success_probability(np.full(20, 0.9), 100, 0.95, on="the validation rows")
    found = attainable(seen(900, 1000), 0.95, success=success)
    assert found.verdict is Verdict.VIOLATED
    assert found.text == (
        "The chosen run is right on 900 of 1,000 rows that it never saw (0.9000); its accuracy is"
        " at most 0.9153, with 95 % confidence: the search, with these limits, did not attain 0.95."
        " That another search, or another training, does is not ruled out. Of 20 freshly seeded"
        " runs, none reached 0.95 on the validation rows: such a run does so with a probability of"
        " at most 0.1392 with 95 % confidence."
    )
    without = attainable(seen(900, 1000), 0.95)
    assert "freshly" not in without.text
    assert (found.further_rows, found.further_runs) == (None, None)


def test_the_other_sentences() -> None:
    assert attainable(seen(970, 1000), 0.95).text.endswith(
        "its accuracy is at least 0.9595, with 95 % confidence: 0.95 is met."
    )
    undecided = attainable(seen(955, 1000), 0.95, seeds=seeds(0.95, 0.006))
    assert undecided.further_runs is not None
    assert undecided.text.endswith(
        f"on both sides of 0.95: about {undecided.further_rows:,} further held-out rows or the best"
        f" of about {undecided.further_runs:,} further runs, on 1,000 fresh rows, would decide."
    )


def test_bad_input_is_refused() -> None:
    with pytest.raises(DomainError, match=r"at_least is 1\.5; expected an accuracy above 0"):
        attainable(seen(9, 10), 1.5)
    with pytest.raises(DomainError, match="at_least is nan"):
        attainable(seen(9, 10), float("nan"))
    with pytest.raises(DomainError, match="there are 0 validation rows"):
        attainable(seen(9, 10), 0.9, validation_rows=0)
