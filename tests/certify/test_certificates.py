"""Certificates from bounds: exact against brute force, sound to the last bit, never by default."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import explanation_boxes as reference
from torch import Tensor

from affidavit.certify import fragility, targeted, untargeted
from affidavit.certify.certificates import Metric
from affidavit.errors import DomainError
from affidavit.graph import Interval

numbers = st.sampled_from([0.0, 1.0, -1.0, 0.1, -3.0, 1e-3, 7e-9]) | st.floats(-4, 4)
wild = numbers | st.sampled_from([1e-300, -5e-324, 1e150, -1e200, 1.7e308, 1e-160])


@st.composite
def cases(draw: st.DrawFn, entries: st.SearchStrategy[float] = numbers) -> tuple[Tensor, ...]:
    """A goal and the ends of a box, each [1, feature]."""
    size = draw(st.integers(1, 6))
    goal, one, other = (
        torch.tensor([draw(st.lists(entries, min_size=size, max_size=size))], dtype=torch.float64)
        for _ in range(3)
    )
    return goal, torch.minimum(one, other), torch.maximum(one, other)


def inside(lower: Tensor, upper: Tensor, count: int, seed: int = 0) -> Tensor:
    """Points of each box, many of them on its boundary, [batch, point, feature]."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(len(lower), count, lower.shape[1], generator=generator, dtype=torch.float64)
    share = torch.clamp(share * 1.8 - 0.4, 0, 1)
    mixed = lower[:, None] * (1 - share) + upper[:, None] * share
    return torch.clamp(mixed, lower[:, None], upper[:, None])


def random_boxes(batch: int, size: int, seed: int) -> tuple[Tensor, ...]:
    """Goals and boxes that reach one side of the goal's plane, the other, or both."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(3, batch, size, generator=generator, dtype=torch.float64)
    width = torch.rand(2, batch, 1, generator=generator, dtype=torch.float64).prod(0)
    sign = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)[torch.arange(batch) % 3, None]
    center = draw[1] + 1.5 * sign * draw[0]
    radius = 2 * width * draw[2].abs()
    return draw[0], center - radius, center + radius


# Mean squared error.


@given(cases(wild))
@settings(max_examples=150)
def test_mse_against_fractions(case: tuple[Tensor, ...]) -> None:
    goal, lower, upper = case
    vectors = [t[0].tolist() for t in case]
    bounds = Interval(lower, upper)
    most = Fraction(torch.finfo(torch.float64).max)
    near, far = targeted(bounds, goal, tau=0.0), untargeted(bounds, goal, tau=0.0)
    exact = reference.least_difference(*vectors)
    assert Fraction(float(near.value)) <= exact
    assert float(near.value) >= float(min(exact, most)) * (1 - 1e-13) - 1e-300
    assert bool(near.certified) == (float(near.value) > 0)
    exact = reference.greatest_difference(*vectors)
    if math.isfinite(float(far.value)):
        assert Fraction(float(far.value)) >= exact
        assert float(far.value) <= float(exact) * (1 + 1e-13) + 1e-300
    else:
        assert exact > most * Fraction(9, 10)
    assert bool(far.certified) == (float(far.value) <= 0)
    assert bounds.contains(near.worst)
    assert bounds.contains(far.worst)


@given(cases())
@settings(max_examples=100)
def test_mse_of_the_worst_explanations(case: tuple[Tensor, ...]) -> None:
    goal, lower, upper = case
    bounds = Interval(lower, upper)
    near, far = targeted(bounds, goal, tau=0.1), untargeted(bounds, goal, tau=0.1)
    for certificate in (near, far):
        value = (certificate.worst - goal).square().mean(1)
        torch.testing.assert_close(certificate.value, value, rtol=1e-12, atol=1e-300)
    sampled = (inside(lower, upper, 200) - goal[:, None]).square().mean(2)
    assert (sampled >= near.value[:, None]).all()
    assert (sampled <= far.value[:, None]).all()
    if bool(near.certified):
        assert (sampled > 0.1).all()
    if bool(far.certified):
        assert (sampled <= 0.1).all()


def test_mse_at_the_threshold() -> None:
    bounds = Interval.point(torch.tensor([[1.0, 3.0]]))
    goal = torch.zeros(2)
    # The difference is 5 exactly: not above 5, and not surely at most 5 once rounding counts.
    assert not targeted(bounds, goal, tau=5.0).certified
    assert targeted(bounds, goal, tau=math.nextafter(5 * (1 - 1e-14), 0)).certified
    assert not untargeted(bounds, goal, tau=math.nextafter(5, 0)).certified
    assert untargeted(bounds, goal, tau=5 * (1 + 1e-14)).certified
    # Thresholds are not rounded to the dtype of the bounds.
    tenth = Interval.point(torch.tensor([[0.1]]).sqrt())
    value = float(tenth.lower.double().square())
    assert untargeted(tenth, goal[:1], tau=value * (1 + 1e-12)).certified
    assert not untargeted(tenth, goal[:1], tau=value * (1 - 1e-12)).certified


# Cosine similarity.


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6])
def test_cosine_against_climbing(size: int) -> None:
    goal, lower, upper = random_boxes(45, size, size)
    bounds = Interval(lower, upper)
    near = targeted(bounds, goal, tau=0.5, metric="cosine")
    far = untargeted(bounds, goal, tau=0.5, metric="cosine")
    meaningful = 0
    for i in range(len(goal)):
        g, low, high = (t[i].numpy() for t in (goal, lower, upper))
        if (low <= 0).all() and (high >= 0).all():
            assert near.value[i] == math.inf
            assert far.value[i] == -math.inf
            continue
        meaningful += 1
        expected = reference.greatest_cosine(g, low, high)
        assert expected - 1e-12 <= float(near.value[i]) <= expected + 1e-6
        # And reached, not only bounded.
        assert reference.cosine(g, near.worst[i].numpy()) == pytest.approx(expected, abs=1e-6)
        expected = -reference.greatest_cosine(-g, low, high)
        assert expected - 1e-6 <= float(far.value[i]) <= expected + 1e-12
        assert reference.cosine(g, far.worst[i].numpy()) == pytest.approx(expected, abs=1e-6)
    assert meaningful > 10


@given(cases())
@settings(max_examples=150)
def test_no_explanation_contradicts_a_cosine_certificate(case: tuple[Tensor, ...]) -> None:
    goal, lower, upper = case
    points = inside(lower, upper, 200)[0].numpy()
    keep = (points != 0).any(1)
    g = goal[0].numpy()
    near = targeted(Interval(lower, upper), goal, tau=0.3, metric="cosine")
    far = untargeted(Interval(lower, upper), goal, tau=0.3, metric="cosine")
    for point in points[keep] if (g != 0).any() else []:
        value = reference.cosine(g, point)
        assert float(far.value) - 1e-14 <= value <= float(near.value) + 1e-14
    assert bool(near.certified) == (float(near.value) < 0.3)
    assert bool(far.certified) == (float(far.value) >= 0.3)


@given(cases(wild))
@settings(max_examples=100)
def test_cosine_of_any_magnitude(case: tuple[Tensor, ...]) -> None:
    goal, lower, upper = case
    near = targeted(Interval(lower, upper), goal, tau=1.0, metric="cosine")
    far = untargeted(Interval(lower, upper), goal, tau=-1.0, metric="cosine")
    zero = bool(((lower <= 0) & (upper >= 0)).all()) or not goal.any()
    for certificate in (near, far):
        assert math.isinf(float(certificate.value)) == zero
        assert Interval(lower, upper).contains(certificate.worst)
    if zero:
        assert not near.certified
        assert not far.certified
        return
    g = [Fraction(v) for v in goal[0].tolist()]
    for corner in reference.corners(lower[0].tolist(), upper[0].tolist()):
        v = [Fraction(entry) for entry in corner]
        product = sum((a * b for a, b in zip(g, v, strict=True)), Fraction(0))
        # sign(product) product² / |g|²|v|² against the signed square of the bound, in fractions.
        size = sum((a * a for a in g), Fraction(0)) * sum((a * a for a in v), Fraction(0))
        signed = product * abs(product)
        for bound, side in ((float(near.value), 1), (float(far.value), -1)):
            limit = Fraction(bound) * abs(Fraction(bound)) * size
            assert side * signed <= side * limit


@pytest.mark.parametrize("size", [50, 784])
def test_cosine_in_many_dimensions(size: int) -> None:
    goal, lower, upper = random_boxes(12, size, size)
    goal[8:], lower[8:], upper[8:] = goal[8:].abs(), lower[8:].abs(), lower[8:].abs() + 1
    bounds = Interval(lower, upper)
    near = targeted(bounds, goal, tau=0.5, metric="cosine")
    far = untargeted(bounds, goal, tau=0.5, metric="cosine")
    for certificate in (near, far):
        # The worst explanation reaches the bound: it cannot be tighter.
        reached = torch.cosine_similarity(certificate.worst, goal)
        torch.testing.assert_close(certificate.value, reached, rtol=0, atol=1e-6)
    values = torch.cosine_similarity(inside(lower, upper, 100), goal[:, None], dim=2)
    assert (values <= near.value[:, None] + 1e-14).all()
    assert (values >= far.value[:, None] - 1e-14).all()


def test_cosine_of_one_explanation() -> None:
    v = torch.tensor([[3.0, 4.0]])
    for sign in (1, -1):
        near = targeted(Interval.point(v), sign * v, tau=0.5, metric="cosine")
        torch.testing.assert_close(near.value, torch.tensor([1.0 * sign]).double())
        far = untargeted(Interval.point(v), sign * v, tau=0.5, metric="cosine")
        torch.testing.assert_close(far.value, torch.tensor([1.0 * sign]).double())
        assert bool(far.certified) == (sign == 1)
        assert bool(near.certified) == (sign == -1)


# Common to all.

METRICS: list[Metric] = ["mse", "cosine"]


@pytest.mark.parametrize("metric", METRICS)
def test_batches_shapes_and_dtypes(metric: Metric) -> None:
    goal, lower, upper = (t.float().reshape(6, 2, 3) for t in random_boxes(6, 6, 1))
    bounds = Interval(lower, upper)
    for certify in (targeted, untargeted):
        together = certify(bounds, goal, tau=0.4, metric=metric)
        assert together.worst.shape == lower.shape
        assert together.value.dtype == together.worst.dtype == torch.float64
        assert together.certified.dtype == torch.bool
        for i in range(6):
            alone = certify(
                Interval(lower[i : i + 1], upper[i : i + 1]), goal[i], tau=0.4, metric=metric
            )
            torch.testing.assert_close(alone.value, together.value[i : i + 1], rtol=0, atol=1e-12)
        empty = certify(Interval(lower[:0], upper[:0]), goal[0], tau=0.4, metric=metric)
        assert empty.certified.shape == (0,)
        assert empty.worst.shape == (0, 2, 3)
        # A smaller box is certified at least as well.
        inner = Interval(lower * 0.75 + upper * 0.25, lower * 0.25 + upper * 0.75)
        better = certify(inner, goal, tau=0.4, metric=metric)
        side = 1 if (metric == "mse") == (certify is targeted) else -1
        assert (side * (better.value - together.value) >= -1e-6).all()


def test_fragility() -> None:
    lower = torch.tensor([[0.1, -1.0, 2.0, -1e-300]], dtype=torch.float64)
    upper = torch.tensor([[0.3, 1e-17, 2.0, 1e-300]], dtype=torch.float64)
    found = fragility(Interval(lower, upper))
    for low, high, width in zip(lower[0], upper[0], found[0], strict=True):
        exact = Fraction(float(high)) - Fraction(float(low))
        assert exact <= Fraction(float(width)) <= exact * Fraction(1 + 1e-15) + Fraction(1e-301)
    assert found[0, 2] == 0
    upper = upper.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(fragility(Interval(lower, upper)).sum(), upper)
    torch.testing.assert_close(gradient, torch.ones_like(gradient))


X = torch.zeros(1, 2)


@pytest.mark.parametrize("certify", [targeted, untargeted])
@pytest.mark.parametrize(
    ("bounds", "vector", "options", "message"),
    [
        (Interval(X, X + math.inf), X, {}, "infinite or undefined"),
        (Interval(X * math.nan, X), X, {}, "infinite or undefined"),
        (Interval(X + 1, X), X, {}, "lower > upper"),
        (Interval(X[0], X[0]), X[0], {}, r"expected \[batch, \*input_shape\]"),
        (Interval(X, X), X + math.nan, {}, "NaN or infinite"),
        (Interval(X, X), torch.zeros(3), {}, "does not broadcast"),
        (Interval(X, X), torch.zeros(2, 1, 2), {}, "does not broadcast"),
        (Interval(X, X), X, {"tau": math.nan}, "tau is nan"),
        (Interval(X, X), X, {"tau": -0.1}, "at least 0"),
        (Interval(X, X), X, {"tau": 1.1, "metric": "cosine"}, r"in \[-1, 1\]"),
        (Interval(X, X), X, {"metric": "cosin"}, "did you mean 'cosine'"),
    ],
)
def test_what_has_no_meaning(
    certify: Any, bounds: Interval, vector: Tensor, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DomainError, match=message):
        certify(bounds, vector, **{"tau": 0.5, **options})


def test_the_oracle_knows_a_case_by_hand() -> None:
    # From (1, 0) a box at 45° and beyond: the similarity is that of its corner (1, 1).
    found = reference.greatest_cosine(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.ones(2) * 1.0)
    assert found == pytest.approx(math.sqrt(0.5))
