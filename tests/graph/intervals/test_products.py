"""Products of intervals and weights: one form for each kind of operand, all sound."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from affidavit.errors import DomainError
from affidavit.graph import Interval
from affidavit.graph.intervals import fused
from affidavit.graph.intervals.ball import Ball
from affidavit.graph.intervals.products import Product, bilinear


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return F.conv2d(x, weight, bias, 2, 1)


CASES: list[tuple[Product, tuple[int, ...], tuple[int, ...], int]] = [
    (F.linear, (3, 7), (5, 7), -1),
    (F.linear, (3, 4, 7), (5, 7), -1),
    (convolve, (3, 2, 5, 6), (4, 2, 3, 3), 1),
    (F.linear, (0, 7), (5, 7), -1),
]
SCALES = [(1.0, 1.0), (1e-30, 1.0), (1e10, 1e-30), (1.0, 1e-38), (1e-42, 1e15)]


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_image_of_a_ball_holds_what_the_image_of_its_box_must(
    case: int, scales: tuple[float, float], dtype: torch.dtype
) -> None:
    product, shape, weights, axis = CASES[case]
    generator = torch.Generator().manual_seed(case)
    x, w, b = (
        (torch.randn(*size, generator=generator, dtype=torch.float64) * scale).to(dtype)
        for size, scale in ((shape, scales[0]), (weights, scales[1]), (weights[:1], 1.0))
    )
    terms = w[0].numel()
    for radius in (1e-3, 1e-35, 2.0):
        ball = Ball(x, torch.tensor(radius, dtype=dtype))
        image = bilinear(product, terms, ball, Interval.point(w), Interval.point(b), axis)
        # The true extremes in double precision, or as good as true.
        middle = product(x.double(), w.double(), b.double())
        reach = product(torch.full_like(x, radius).double(), w.double().abs(), None)
        if dtype == torch.float32:
            assert bool((image.lower <= middle - reach).all())
            assert bool((middle + reach <= image.upper).all())
        # No looser than the box of ends by more than a little rounding.
        box = bilinear(
            product, terms, Interval(ball.lower, ball.upper), Interval.point(w), Interval.point(b),
            axis,
        )  # fmt: skip
        size = product(x.abs(), w.abs(), b.abs()) + reach.to(dtype)
        slack = size * (64 * terms * torch.finfo(dtype).eps) + terms * torch.finfo(dtype).tiny * 64
        assert bool((image.width <= box.width + slack).all())
        assert bool((image.lower <= box.upper).all())
        assert bool((box.lower <= image.upper).all())


def test_a_product_in_one_pass_is_the_same_as_in_many() -> None:
    generator = torch.Generator().manual_seed(0)
    for dtype, point in itertools.product((torch.float32, torch.float64), (False, True)):
        x, w = (torch.randn(4, 6, generator=generator, dtype=dtype) for _ in range(2))
        box = Interval.point(x) if point else Interval(x - 0.1, x + 0.2)
        quick = bilinear(F.linear, 6, box, Interval.point(w))
        # What is differentiated takes the way through PyTorch.
        slow = bilinear(F.linear, 6, box, Interval.point(w.clone().requires_grad_()))
        for one, other in ((quick.lower, slow.lower), (quick.upper, slow.upper)):
            assert not one.requires_grad
            assert other.requires_grad
            torch.testing.assert_close(one, other.detach(), rtol=1e-6, atol=1e-6)


def test_parts_of_a_ball_share_what_does_not_depend_on_the_centre() -> None:
    ball = Ball(torch.arange(8.0).reshape(4, 2), torch.tensor(0.5))
    weight = Interval.point(torch.tensor([[1.0, -2.0]]))
    whole = bilinear(F.linear, 2, ball, weight)
    part = bilinear(F.linear, 2, ball.part(slice(1, 3)), weight)
    assert torch.equal(part.lower, whole.lower[1:3])
    # Another weight of the same shape is not taken for it, nor another product.
    other = bilinear(F.linear, 2, ball.part(slice(1, 3)), Interval.point(3 * weight.lower))
    torch.testing.assert_close(other.width, 3 * part.width)

    def doubled(a: Tensor, w: Tensor, bias: Tensor | None) -> Tensor:
        return F.linear(a, 2 * w, bias)

    twice = bilinear(doubled, 2, ball, weight)
    torch.testing.assert_close(twice.width, 2 * whole.width, rtol=1e-4, atol=0)


def test_pieces_of_a_ball_of_other_shapes_do_not_share_what_depends_on_the_shape() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 2, 5, 6, generator=generator, dtype=torch.float64)
    w = Interval.point(torch.randn(4, 2, 3, 3, generator=generator, dtype=torch.float64))
    ball = Ball(x, torch.tensor(0.5, dtype=torch.float64))
    corner = ball.at(x[:, :, :1, :1])
    small = bilinear(convolve, 18, corner, w, axis=1)  # one tap of nine meets the image
    large = bilinear(convolve, 18, ball, w, axis=1)
    for found, center in ((small, corner.center), (large, x)):
        middle = convolve(center, w.lower, None)
        reach = convolve(torch.full_like(center, 0.5), w.magnitude, None)
        assert found.lower.shape == middle.shape
        torch.testing.assert_close(found.lower, middle - reach)
        torch.testing.assert_close(found.upper, middle + reach)

    rows = Interval.point(torch.randn(3, 6, generator=generator, dtype=torch.float64))
    for part in (ball.at(x[:, 0, 0]), ball):
        found = bilinear(F.linear, 6, part, rows)
        reach = F.linear(torch.full_like(part.center, 0.5), rows.magnitude)
        torch.testing.assert_close(found.upper, F.linear(part.center, rows.lower) + reach)


def test_what_may_be_done_in_one_pass() -> None:
    x = torch.ones(2, 3)
    assert fused.fits(x, x.clone())
    assert not fused.fits(x, x.double())
    assert not fused.fits(x, torch.ones(3, 2).t())
    assert not fused.fits(x.half())
    assert not fused.fits(x, torch.ones(3, 2))
    learned = x.clone().requires_grad_()
    assert not fused.fits(learned)
    with torch.no_grad():
        assert fused.fits(learned)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 3e38, 0.0])
def test_what_is_not_finite_is_seen_anywhere(value: float) -> None:
    for size in (1, 7, 100):
        x = torch.randn(size, generator=torch.Generator().manual_seed(size))
        x[size // 2] = value
        assert fused.is_finite(x) == bool(torch.isfinite(x).all())


def test_norms_of_rows() -> None:
    rows = torch.randn(5, 37, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows[2] = 0
    largest, squares = fused.norms(rows)
    assert torch.equal(largest, rows.abs().amax(1))
    torch.testing.assert_close(squares, rows.square().sum(1))


def test_sums_that_rounding_leaves_nothing_of_are_refused() -> None:
    x, weight = torch.ones(1, 200, dtype=torch.bfloat16), torch.ones(2, 200, dtype=torch.bfloat16)
    box = Interval(x - 0.5, x + 0.5)
    with pytest.raises(DomainError, match="sums of 200 products have no useful bound in"):
        bilinear(F.linear, 200, box, Interval.point(weight))
