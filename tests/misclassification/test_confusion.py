"""The four counts, their shares and intervals; the figures of the paper."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.misclassification.samples import tied

from affidavit.errors import DomainError
from affidavit.misclassification import Confusion, confusion
from affidavit.statistics import binomial_lower, binomial_upper


@given(sample=tied(most=20, both=False), threshold=st.sampled_from([-1.0, 0.0, 0.5, math.inf]))
def test_a_prediction_is_refused_where_its_score_is_at_least_the_threshold(
    sample: tuple[list[float], list[bool]], threshold: float
) -> None:
    pairs = list(zip(*sample, strict=True))
    found = confusion(*sample, threshold)
    assert found.wrong_refused == sum(s >= threshold and w for s, w in pairs)
    assert found.wrong_accepted == sum(s < threshold and w for s, w in pairs)
    assert found.right_refused == sum(s >= threshold and not w for s, w in pairs)
    assert found.right_accepted == sum(s < threshold and not w for s, w in pairs)
    assert found.count == len(pairs) == found.refused + found.accepted


def test_figure_6() -> None:
    found = Confusion(wrong_refused=495, wrong_accepted=61, right_refused=630, right_accepted=3814)
    assert (found.count, found.refused) == (5000, 1125)
    assert found.accuracy == pytest.approx(0.8888)
    assert found.wrong_recall == pytest.approx(0.890, abs=5e-4)
    # The text of the paper has 85.6 %, its table 6 has 85.8 %, and so do the counts.
    assert found.right_recall == pytest.approx(0.858, abs=5e-4)
    assert found.coverage == pytest.approx(0.775)
    assert found.risk == pytest.approx(61 / 3875)


def test_intervals_are_clopper_and_pearsons() -> None:
    found = Confusion(wrong_refused=495, wrong_accepted=61, right_refused=630, right_accepted=3814)
    counts = {
        "accuracy": (4444, 5000),
        "coverage": (3875, 5000),
        "risk": (61, 3875),
        "wrong_recall": (495, 556),
        "right_recall": (3814, 4444),
    }
    for share, (part, whole) in counts.items():
        lower, upper = found.interval(share, 0.9)
        assert lower == pytest.approx(binomial_lower(part, whole, 0.95))
        assert upper == pytest.approx(binomial_upper(part, whole, 0.95))
        assert lower < getattr(found, share) == part / whole < upper


def test_shares_of_nothing() -> None:
    found = confusion([1.0, 2.0], [False, False], -math.inf)
    assert math.isnan(found.wrong_recall)
    assert math.isnan(found.risk)
    assert found.interval("risk") == (0, 1)
    assert found.right_recall == 0


def test_bad_names_and_levels() -> None:
    found = Confusion(1, 1, 1, 1)
    with pytest.raises(DomainError, match=r"no share 'wrong_recal' \(did you mean 'wrong_recall'"):
        found.interval("wrong_recal")
    with pytest.raises(DomainError, match="confidence is 95; expected between 0 and 1"):
        found.interval("risk", 95)
