"""Gains and selection optimism: intervals over whole searches, and noise that gains nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.initialization.evidence import made_runs

from affidavit.errors import DataError, DomainError
from affidavit.initialization.evidence import (
    gain_over_all_runs,
    gain_over_mean,
    gain_over_run,
    optimism,
)

RUNS, ROWS = 20, 800


def level(repeats: int) -> float:
    """How often bounds at 95 % may miss in so many repeats: four standard deviations more."""
    return 0.05 + 4 * math.sqrt(0.05 * 0.95 / repeats)


def test_a_search_on_noise_certifies_no_gain() -> None:
    generator = np.random.default_rng(0)
    repeats = 400
    certified, optimistic, missed = 0, 0.0, 0
    for _ in range(repeats):
        validation = made_runs.noise(generator, RUNS, ROWS)
        held_out = made_runs.noise(generator, RUNS, ROWS)
        best = int(validation.sum(1).argmax())
        certified += gain_over_mean(held_out[best], held_out).certified
        certified += gain_over_run(held_out[best], held_out[(best + 1) % RUNS]).certified
        found = optimism(validation[best], validation, held_out[best], held_out)
        optimistic += found.value / repeats
        # The true gain is 0, so that the whole gain on validation rows is optimism.
        missed += found.lower > found.validation_gain
        missed += found.upper < found.validation_gain
    assert certified / (2 * repeats) <= level(2 * repeats)
    assert missed / (2 * repeats) <= level(2 * repeats)
    # Choosing did look good: 1.87 standard deviations for the best of 20.
    assert optimistic == pytest.approx(1.87 * (0.09 / ROWS) ** 0.5, rel=0.1)


@pytest.mark.parametrize("fresh", [True, False], ids=["one_of_the_runs", "another_run"])
def test_the_intervals_cover_the_gain_of_a_search(fresh: bool) -> None:
    generator = np.random.default_rng(1)
    repeats, deviation = 500, 0.02
    missed = np.zeros((3, 2))
    for _ in range(repeats):
        ability = made_runs.abilities(generator, RUNS, deviation)
        all_of_them = ability if fresh else np.append(ability, 0.99)
        validation = made_runs.outcomes(generator, all_of_them, 300)
        held_out = made_runs.outcomes(generator, all_of_them, ROWS)
        best = int(validation.sum(1).argmax()) if fresh else RUNS
        truth = all_of_them * made_runs.MEAN_EASE
        runs = held_out[:RUNS]
        pairs = (
            (gain_over_mean(held_out[best], runs), truth[best] - truth[:RUNS].mean()),
            (gain_over_run(held_out[best], runs[0]), truth[best] - truth[0]),
            (gain_over_all_runs(held_out[best], runs), truth[best] - 0.95 * made_runs.MEAN_EASE),
        )
        missed += [(g.lower > true + 1e-12, g.upper < true - 1e-12) for g, true in pairs]
    assert (missed / repeats).max() <= level(repeats)
    assert missed[2].sum() >= repeats * 0.04  # and it is not too wide by far


def test_the_mean_over_the_runs_made_alone_is_not_the_mean_over_all() -> None:
    generator = np.random.default_rng(2)
    repeats, runs_made, missed = 300, 4, np.zeros(2)
    for _ in range(repeats):
        ability = made_runs.abilities(generator, runs_made, 0.03)
        held_out = made_runs.outcomes(generator, np.append(ability, 0.99), 3000)
        narrow = gain_over_mean(held_out[-1], held_out[:-1])
        wide = gain_over_all_runs(held_out[-1], held_out[:-1])
        assert narrow.value == wide.value
        assert wide.lower <= narrow.lower
        assert wide.upper >= narrow.upper
        truth = 0.04 * made_runs.MEAN_EASE
        missed += (narrow.lower > truth, wide.lower > truth)
    assert missed[0] / repeats > 0.1  # which is why there are two
    assert missed[1] / repeats <= level(repeats)


def test_values_are_those_of_the_definition() -> None:
    generator = np.random.default_rng(3)
    chosen, runs = generator.random(90) < 0.9, generator.random((7, 90)) < 0.8
    found = gain_over_mean(chosen, runs)
    assert found.value == pytest.approx(chosen.mean() - np.mean([run.mean() for run in runs]))
    assert found.over == "the mean of the 7 runs made"
    first = gain_over_run(chosen, runs[0])
    assert first.value == pytest.approx(chosen.mean() - runs[0].mean())
    assert first.over == "the first run"
    backwards = gain_over_run(runs[0], chosen)
    assert (backwards.lower, backwards.upper) == pytest.approx((-first.upper, -first.lower))
    validation = generator.random(50) < 0.9, generator.random((7, 50)) < 0.8
    lost = optimism(*validation, chosen, runs)
    assert lost.chosen_drop == pytest.approx(validation[0].mean() - chosen.mean())
    assert lost.mean_drop == pytest.approx(validation[1].mean() - runs.mean())
    assert lost.value == pytest.approx(lost.chosen_drop - lost.mean_drop)
    assert lost.lower <= lost.value <= lost.upper
    assert lost.upper - lost.lower == pytest.approx(found.upper - found.lower)


def test_equal_runs_gain_nothing_and_say_so() -> None:
    run = np.arange(200) < 190
    found = gain_over_mean(run, np.stack([run, run, run]))
    assert (found.value, found.certified) == (0.0, False)
    assert found.lower < 0 < found.upper
    assert found.text.startswith("The gain over the mean of the 3 runs made is +0.0000 on 200 rows")
    assert found.text.endswith("No gain is shown.")
    everywhere = gain_over_all_runs(run, np.stack([run, run]))
    assert everywhere.lower < 0 < everywhere.upper


def test_a_clear_gain_is_certified_in_words() -> None:
    chosen, runs = np.ones(1000, bool), np.tile(np.arange(1000) < 900, (3, 1))
    found = gain_over_mean(chosen, runs)
    assert found.certified
    assert found.value == pytest.approx(0.1)
    assert "No gain" not in found.text
    lost = optimism(chosen, runs, chosen, runs)
    assert lost.value == pytest.approx(0)
    assert "+0.1000 against the mean run; of that, +0.0000 was gone" in lost.text


def test_bad_input_is_refused() -> None:
    one, runs = np.ones(5, bool), np.ones((3, 5), bool)
    with pytest.raises(DataError, match="chosen run has 4 held-out rows and the runs 5"):
        gain_over_mean(one[:4], runs)
    with pytest.raises(DataError, match=r"runs has the shape \[5\]; expected \[run, row\]"):
        gain_over_mean(one, one)
    with pytest.raises(DataError, match=r"runs has the shape \[0, 5\]"):
        gain_over_mean(one, runs[:0])
    with pytest.raises(DataError, match=r"chosen has the shape \[0\]"):
        gain_over_mean(one[:0], runs[:, :0])
    with pytest.raises(DataError, match="at least 2 runs"):
        gain_over_all_runs(one, runs[:1])
    with pytest.raises(DataError, match="there is 1 row"):
        gain_over_all_runs(one[:1], runs[:, :1])
    with pytest.raises(DataError, match=r"other has the shape \[3, 5\]"):
        gain_over_run(one, runs)
    with pytest.raises(DataError, match="chosen run has 4 validation rows"):
        optimism(one[:4], runs, one, runs)
    with pytest.raises(DataError, match="2 runs on validation rows and 3 on held-out rows"):
        optimism(one, runs[:2], one, runs)
    with pytest.raises(DomainError, match="confidence is 2"):
        gain_over_mean(one, runs, 2.0)
