"""Features inside and outside the top k, against all extreme explanations of small boxes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import explanation_boxes as reference

from affidavit.certify import inside_top, outside_top
from affidavit.errors import DomainError
from affidavit.graph import Interval

small = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0])


@given(
    st.lists(st.tuples(small, small), min_size=1, max_size=6),
    st.lists(st.integers(0, 5), min_size=1, max_size=3),
    st.integers(1, 6),
)
@settings(max_examples=400)
def test_against_all_extreme_explanations(
    ends: list[tuple[float, float]], features: list[int], k: int
) -> None:
    k = min(k, len(ends))
    features = [feature % len(ends) for feature in features]
    lower, upper = [min(pair) for pair in ends], [max(pair) for pair in ends]
    bounds = Interval(torch.tensor([lower]), torch.tensor([upper]))
    outside = not any(reference.can_be_in_top(f, lower, upper, k) for f in features)
    inside = all(reference.is_always_in_top(f, lower, upper, k) for f in features)
    assert outside_top(bounds, features, k).tolist() == [outside]
    assert inside_top(bounds, torch.tensor(features), k).tolist() == [inside]


def test_ties() -> None:
    point = Interval.point(torch.tensor([[[2.0, -2.0], [1.0, 0.0]]]))
    # Feature 0 ties with feature 1 for the first place: neither in nor out for sure.
    assert not outside_top(point, [0], 1)
    assert not inside_top(point, [0], 1)
    assert inside_top(point, [0, 1], 2)
    assert not inside_top(point, [0, 1], 1)
    assert outside_top(point, [2, 3], 2)
    assert not outside_top(point, [2, 3], 3)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_batches(k: int) -> None:
    center = torch.randn(7, 4)
    bounds = Interval(center - 0.2, center + 0.2)
    for certify in (inside_top, outside_top):
        together = certify(bounds, [0, 2], k)
        assert together.dtype == torch.bool
        alone = [certify(Interval(center[i : i + 1] - 0.2, center[i : i + 1] + 0.2), [0, 2], k)
                 for i in range(7)]  # fmt: skip
        assert together.tolist() == torch.cat(alone).tolist()
        assert certify(Interval(center[:0], center[:0]), [1], k).shape == (0,)


X = torch.zeros(1, 3)


@pytest.mark.parametrize(
    ("features", "k", "message"),
    [
        ([0], 0, "k is 0"),
        ([0], 4, "from 1 to 3"),
        ([], 1, "at least one"),
        ([3], 1, "no feature 3"),
        ([-1], 1, "no feature -1"),
        ([0.5], 1, "whole numbers"),
        (torch.tensor([[1]]), 1, "whole numbers"),
    ],
)
def test_what_has_no_meaning(features: Any, k: int, message: str) -> None:
    for certify in (inside_top, outside_top):
        with pytest.raises(DomainError, match=message):
            certify(Interval.point(X), features, k)
        with pytest.raises(DomainError, match="infinite or undefined"):
            certify(Interval(X, X / 0), [0], 1)
