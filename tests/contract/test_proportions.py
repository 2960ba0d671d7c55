"""Verdicts on several proportions: each right, and wrong together no more often than promised."""

from __future__ import annotations

import itertools

import pytest
from scipy import stats

from affidavit.contract.proportions import Proportion, chart, explain, judge, percent, table
from affidavit.evidence import Verdict, overall


@pytest.mark.parametrize(
    ("successes", "trials", "verdict"),
    [
        (1000, 1000, Verdict.HOLDS),
        (500, 1000, Verdict.VIOLATED),
        (95, 100, Verdict.UNDECIDED),
        (0, 0, Verdict.UNDECIDED),
    ],
)
def test_the_verdict_follows_the_counts(successes: int, trials: int, verdict: Verdict) -> None:
    (row,) = judge([Proportion("overall", successes, trials, 0.9)], 0.99)
    assert row.verdict is verdict


@pytest.mark.parametrize("truths", [(0.9,), (0.9, 0.9), (0.95, 0.9, 0.9), (0.9, 0.85), (0.89,)])
def test_the_whole_is_wrong_no_more_often_than_promised(truths: tuple[float, ...]) -> None:
    # All outcomes of small samples, weighed by their probability. The rows are independent here.
    threshold, confidence, trials = 0.9, 0.8, 14
    claim_is_true = all(p >= threshold for p in truths)
    wrong = 0.0
    for counts in itertools.product(range(trials + 1), repeat=len(truths)):
        rows = [Proportion(str(i), k, trials, threshold) for i, k in enumerate(counts)]
        verdict = overall([row.verdict for row in judge(rows, confidence)])
        if verdict is (Verdict.VIOLATED if claim_is_true else Verdict.HOLDS):
            weight = 1.0
            for k, p in zip(counts, truths, strict=True):
                weight *= stats.binom.pmf(k, trials, p)
            wrong += weight
    assert wrong <= 1 - confidence + 1e-12


def test_rows_are_judged_together() -> None:
    one = Proportion("overall", 98, 100, 0.93)
    assert judge([one], 0.95)[0].verdict is Verdict.HOLDS
    # The same counts, one of many rows, have to be clearer than alone.
    many = judge([one] + [Proportion(f"group {i}", 5, 5, 0.9) for i in range(20)], 0.95)
    assert many[0].verdict is Verdict.UNDECIDED
    assert many[0].lower < judge([one], 0.95)[0].lower


def test_the_bounds_agree_with_the_verdict() -> None:
    for successes in range(80, 101):
        (row,) = judge([Proportion("overall", successes, 100, 0.9)], 0.95)
        assert (row.verdict is Verdict.HOLDS) == (row.lower >= 0.9)
        assert (row.verdict is Verdict.VIOLATED) == (row.upper <= 0.9)
        assert row.share == successes / 100


def test_an_undecided_row_says_what_would_decide_it() -> None:
    rows = judge([Proportion("overall", 97, 100, 0.95)], 0.95)
    assert rows[0].further is not None
    text = explain(rows, "accuracy")
    assert "Overall accuracy is 0.97 (97 of 100)" in text
    assert f"about {rows[0].further:,} more such inputs" in text
    assert "on both sides of 0.95" in text


def test_a_row_without_trials_says_so() -> None:
    rows = judge([Proportion("class z", 0, 0, 0.9)], 0.95)
    assert rows[0].share is None
    assert "class z accuracy is unknown: no such inputs; 29 right ones" in explain(rows, "accuracy")


def test_certainty_cannot_be_sampled() -> None:
    rows = judge([Proportion("overall", 500, 500, 1.0)], 0.95)
    assert rows[0].verdict is Verdict.UNDECIDED
    assert "a sample cannot show that not a single error exists" in explain(rows, "accuracy")


def test_the_explanation_names_what_decides_and_counts_the_rest() -> None:
    groups = [Proportion(f"group {i}", 0, 50, 0.9) for i in range(8)]
    text = explain(judge([Proportion("overall", 990, 1000, 0.9), *groups], 0.95), "accuracy")
    assert "group 0" in text
    assert "Overall" not in text
    assert "So it is for 3 more." in text
    right = Proportion("overall", 99, 100, 0.5)
    assert explain(judge([right] * 3, 0.95), "accuracy").endswith("is met. So are all 2 groups.")
    assert explain(judge([right] * 2, 0.95), "accuracy").endswith("is met. So is the other group.")


def test_the_worst_rows_are_explained_first() -> None:
    rows = [Proportion(f"group {i}", 50 - i, 100, 0.9) for i in range(8)]
    assert explain(judge(rows, 0.95), "accuracy").startswith("group 7 accuracy is 0.43")


def test_where_holm_decides_beyond_the_bounds_its_p_value_is_the_reason() -> None:
    rows = judge([Proportion("overall", 128, 130, 0.95), Proportion("b", 100, 100, 0.6)], 0.95)
    (overall_row, _) = rows
    assert overall_row.verdict is Verdict.HOLDS
    assert overall_row.lower < 0.95
    text = explain(rows, "accuracy")
    assert "at or above 0.95 with confidence (Holm's p = 0.0" in text
    assert "at least 0.94" not in text
    low = judge([Proportion("overall", 49, 60, 0.9), Proportion("b", 0, 100, 0.6)], 0.95)
    assert low[0].verdict is Verdict.VIOLATED
    assert low[0].upper > 0.9
    assert "Overall accuracy is 0.8167 (49 of 60), below 0.9 with confidence" in explain(
        low, "accuracy"
    )


def test_exhibits_show_every_row() -> None:
    rows = judge([Proportion("overall", 97, 100, 0.95), Proportion("b", 0, 0, 0.5)], 0.95)
    exhibit = table(rows, "Accuracy", "right", "inputs")
    assert [row[0] for row in exhibit.rows] == ["overall", "b"]
    assert exhibit.note.startswith("The bounds are Clopper-Pearson's, widened (Bonferroni)")
    assert exhibit.columns[-1] == "further"
    decided = table(judge([Proportion("overall", 5, 1000, 0.95)], 0.95), "Accuracy", "r", "n")
    assert "further" not in decided.columns
    estimates = chart(rows, "title", "accuracy").estimates
    assert [(e.value, e.at_least) for e in estimates] == [(0.97, 0.95), (None, 0.5)]


def test_confidence_is_written_as_people_do() -> None:
    assert [percent(c).replace("\N{NO-BREAK SPACE}", " ") for c in (0.95, 0.999, 1 - 1e-9)] == [
        "95 %",
        "99.9 %",
        "99.9999999 %",
    ]


def test_what_is_written_is_never_on_the_wrong_side() -> None:
    nearly = explain(judge([Proportion("overall", 24_999, 25_000, 1.0)], 0.95), "accuracy")
    assert nearly.startswith(
        "Overall accuracy is 0.99996 (24,999 of 25,000), with confidence at most 0.99"
    )
    met = explain(judge([Proportion("overall", 10**6, 10**6, 0.99999)], 0.95), "accuracy")
    assert "with confidence at least 0.99999: 0.99999 is met." in met
    assert percent(1 - 1e-14) != percent(1.0)
