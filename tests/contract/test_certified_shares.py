"""From counts of inputs to a verdict, against the exact binomial distribution."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from affidavit.contract.certified_shares import judged, reason
from affidavit.evidence import Verdict

HOLDS, VIOLATED, UNDECIDED = Verdict.HOLDS, Verdict.VIOLATED, Verdict.UNDECIDED
counts = st.integers(1, 60).flatmap(
    lambda n: st.tuples(st.integers(0, n), st.integers(0, n), st.just(n)).filter(
        lambda c: c[0] + c[1] <= c[2]
    )
)


@given(counts, st.floats(0.01, 1.0))
def test_a_verdict_on_rows_alone_is_arithmetic(found: Any, at_least: float) -> None:
    certified, refuted, count = found
    result = judged(certified, refuted, count, at_least, None)
    # Whatever the truth about the open inputs is, a verdict agrees with it.
    for true in range(certified, count - refuted + 1):
        if result.verdict is HOLDS:
            assert true / count >= at_least
        if result.verdict is VIOLATED:
            assert true / count < at_least
    if result.verdict is UNDECIDED:
        assert certified / count < at_least <= (count - refuted) / count
    assert result.further is None


@given(counts, st.sampled_from([0.3, 0.8, 0.95, 1.0]))
def test_open_inputs_cannot_make_a_verdict_wrong(found: Any, at_least: float) -> None:
    certified, refuted, count = found
    result = judged(certified, refuted, count, at_least, 0.95)
    for true in {certified, count - refuted}:
        settled = judged(true, count - true, count, at_least, 0.95).verdict
        if result.verdict is not UNDECIDED:
            assert settled is result.verdict
    assert result.lower <= certified / count
    assert result.upper >= (count - refuted) / count


@pytest.mark.parametrize(("at_least", "share"), [(0.7, 0.6999), (0.9, 0.8999)])
def test_the_chance_of_a_wrong_holds_is_at_most_one_in_twenty(
    at_least: float, share: float
) -> None:
    n = 50
    wrong = sum(
        stats.binom.pmf(k, n, share)
        for k in range(n + 1)
        if judged(k, n - k, n, at_least, 0.95).verdict is HOLDS
    )
    assert 0 < wrong <= 0.05
    # Just at the claim, it is rarely called violated.
    denied = sum(
        stats.binom.pmf(k, n, at_least)
        for k in range(n + 1)
        if judged(k, n - k, n, at_least, 0.95).verdict is VIOLATED
    )
    assert 0 < denied <= 0.05


def words(certified: int, refuted: int, count: int, at_least: float, **options: Any) -> str:
    result = judged(certified, refuted, count, at_least, options.get("confidence", 0.95))
    return reason(result, "are fine", options.get("unfinished", ""))


def test_reasons() -> None:
    assert words(98, 2, 100, 0.9) == (
        "Of 100 inputs, 98 are certified, 2 refuted by a counterexample, 0 neither. The share of"
        " inputs that are fine is with confidence in [0.9383, 0.9965]: 0.9 is met."
    )
    assert words(10, 60, 100, 0.9).endswith(": below 0.9.")
    assert "with confidence" not in words(9, 1, 10, 0.9, confidence=None)


def test_what_would_decide() -> None:
    gap = words(50, 5, 100, 0.8)
    assert "The 45 inputs between bounds and attacks leave it open" in gap
    assert "were they certified, it would hold; were they refuted, it would be violated" in gap
    few = words(19, 1, 20, 0.9)
    assert "more inputs with the same shares would decide" in few
    number = int(few.split("About ")[1].split(" ")[0])
    more = 20 + number
    kept = int(0.95 * more)
    assert judged(kept, more - kept, more, 0.9, 0.95).verdict is HOLDS
    assert "A sample cannot show that not a single exception exists" in words(20, 0, 20, 1.0)
    assert "Neither a tighter method nor more inputs alone" in words(27, 12, 45, 0.65)
    assert "No number of further inputs" in words(80, 20, 100, 0.8)
    late = words(0, 0, 100, 0.8, unfinished="the limit of 3 s came first")
    assert "Not all was done: the limit of 3 s came first; give it more max_seconds." in late
