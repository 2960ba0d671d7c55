"""Two shares of predictions, judged together."""

from __future__ import annotations

import numpy as np
import pytest

from affidavit import statistics
from affidavit.contract.claimed_shares import (
    ClaimedShare,
    judged_shares,
    others,
    reason,
    shares_chart,
    shares_table,
)
from affidavit.evidence import Verdict, overall


def caught(part: int, trials: int, bound: float) -> ClaimedShare:
    return ClaimedShare("wrong", "refused", part, trials, bound)


def alarms(part: int, trials: int, bound: float) -> ClaimedShare:
    return ClaimedShare("right", "refused", part, trials, bound, at_most=True)


def test_bounds_are_clopper_pearsons_for_both_at_once() -> None:
    first, second = judged_shares((caught(90, 100, 0.7), alarms(40, 400, 0.2)), 0.95)
    assert first.lower == statistics.binomial_lower(90, 100, 0.975)
    assert first.upper == statistics.binomial_upper(90, 100, 0.975)
    assert second.lower == pytest.approx(statistics.binomial_lower(40, 400, 0.975))
    assert second.upper == pytest.approx(statistics.binomial_upper(40, 400, 0.975))
    assert (first.share, second.share) == (0.9, 0.1)
    assert first.verdict is second.verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("part", "bound", "verdict"),
    [
        (40, 0.2, Verdict.HOLDS),
        (40, 0.11, Verdict.UNDECIDED),
        (40, 0.05, Verdict.VIOLATED),
        (0, 0.0, Verdict.UNDECIDED),  # a sample cannot show that there is none
        (1, 0.0, Verdict.VIOLATED),
    ],
)
def test_a_greatest_share(part: int, bound: float, verdict: Verdict) -> None:
    (found,) = judged_shares((alarms(part, 400, bound),), 0.95)
    assert found.verdict is verdict


def test_holm_decides_what_one_bound_alone_would_not() -> None:
    # Below 0.05 and above 0.025: enough for the second of two, once the first is sure.
    part = next(k for k in range(100) if statistics.p_value_at_least(k, 100, 0.7) <= 0.05)
    assert statistics.p_value_at_least(part, 100, 0.7) > 0.025
    both = judged_shares((caught(part, 100, 0.7), alarms(10, 400, 0.2)), 0.95)
    assert both[0].verdict is Verdict.HOLDS
    assert both[0].lower < 0.7
    assert "at least 0.7 is met, by Holm's procedure." in reason(both, 500, True)
    unsure = judged_shares((caught(part, 100, 0.7), alarms(78, 400, 0.2)), 0.95)
    assert [row.verdict for row in unsure] == [Verdict.UNDECIDED, Verdict.UNDECIDED]


@pytest.mark.parametrize("true", [(0.7, 0.2), (0.69, 0.1)])
def test_verdicts_are_wrong_as_rarely_as_said(true: tuple[float, float]) -> None:
    rng = np.random.default_rng(7)
    claim_is_true = true[0] >= 0.7 and true[1] <= 0.2
    mistaken, runs = 0, 300
    for first, second in zip(
        rng.binomial(60, true[0], runs), rng.binomial(300, true[1], runs), strict=True
    ):
        rows = judged_shares((caught(int(first), 60, 0.7), alarms(int(second), 300, 0.2)), 0.9)
        verdict = overall([row.verdict for row in rows])
        mistaken += verdict is (Verdict.VIOLATED if claim_is_true else Verdict.HOLDS)
    # Three standard deviations of the simulation above the level.
    assert mistaken / runs <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / runs)


def test_as_many_more_inputs_decide_as_was_said() -> None:
    rows = judged_shares((caught(80, 100, 0.75), alarms(10, 900, 0.2)), 0.95)
    text = reason(rows, 1000, True)
    more = int(text.split("About ")[1].split(" ")[0].replace(",", ""))
    grown = (1000 + more) / 1000
    # As counts are whole, rounded against the claim.
    enough = judged_shares(
        (
            caught(int(80 * grown), int(100 * grown), 0.75),
            alarms(round(10 * grown), int(900 * grown), 0.2),
        ),
        0.95,
    )
    assert rows[0].verdict is Verdict.UNDECIDED
    assert enough[0].lower == pytest.approx(0.75, abs=0.01)


def test_sentences() -> None:
    rows = judged_shares((caught(1, 4, 0.7), alarms(60, 400, 0.1)), 0.95)
    text = reason(rows, 404, True)
    assert "Of 4 wrong predictions, 1 is refused (0.25), with confidence in [" in text
    assert "on both sides of 0.7." in text
    assert "60 are refused (0.15), with confidence in [" in text
    assert text.endswith("]: at most 0.1 is not met.")  # violated: nothing more would decide
    nothing = judged_shares((caught(0, 0, 0.7), alarms(1, 400, 0.1)), 0.95)
    assert nothing[0].share is None
    assert "There are no wrong predictions among these inputs: nothing is known" in (
        said := reason(nothing, 400, True)
    )
    assert said.endswith("It takes inputs with wrong predictions to decide.")
    exactly = judged_shares((caught(7, 7, 1.0), alarms(1, 400, 0.1)), 0.95)
    assert "not a single exception exists: say population = false." in reason(exactly, 407, True)
    at = judged_shares((caught(50, 100, 0.5), alarms(1, 400, 0.1)), 0.95)
    assert "No number of further inputs with the same shares would decide." in reason(at, 500, True)


def test_these_rows_alone_are_seen() -> None:
    rows = judged_shares((caught(7, 10, 0.7), alarms(3, 10, 0.3)), None)
    assert [row.verdict for row in rows] == [Verdict.HOLDS, Verdict.HOLDS]
    assert (rows[0].lower, rows[0].upper) == (0.7, 0.7)
    assert "confidence" not in reason(rows, 20, False)
    missed = judged_shares((caught(6, 10, 0.7), alarms(0, 0, 0.0)), None)
    assert [row.verdict for row in missed] == [Verdict.VIOLATED, Verdict.HOLDS]
    assert "There are no right predictions among these inputs." in reason(missed, 10, False)


def test_exhibits() -> None:
    rows = judged_shares((caught(9, 10, 0.7), alarms(3, 0 + 30, 0.3)), 0.95)
    table, chart = shares_table(rows, True), shares_chart(rows)
    assert table.rows[1][0] == "right predictions refused"
    assert table.rows[1][-1] == "at most 0.3"
    assert (chart.estimates[0].at_least, chart.estimates[0].at_most) == (0.7, None)
    assert (chart.estimates[1].at_least, chart.estimates[1].at_most) == (None, 0.3)
    assert chart.estimates[1].lower == rows[1].lower


@pytest.mark.parametrize(("share", "rest"), [(0.1, 0.9), (0.07, 0.93), (0.3, 0.7), (0.0, 1.0)])
def test_the_others(share: float, rest: float) -> None:
    assert others(share) == rest
