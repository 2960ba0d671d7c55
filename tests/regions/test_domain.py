from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from affidavit.errors import DomainError
from affidavit.regions import Box, Point, Polytope, Slice, cloud
from affidavit.regions.domain import frame

BAD: list[tuple[Any, str | None]] = [
    (lambda: Box([0, 1], [1, 0]), "feature 1 has the lower bound 1 above the upper bound 0"),
    (lambda: Box([0, np.nan], [1, 2]), "bounds of feature 1 are NaN"),
    (lambda: Box([0, 0], [1, np.inf]), "unbounded in feature 1"),
    (lambda: Box([0], [1, 2]), "1 lower bounds and 2 upper"),
    (lambda: Box([], []), "no entries"),
    (lambda: Slice([0, 0], [2], [0], [1]), "varies feature 2; the point has the features 0 to 1"),
    (lambda: Slice([0, 0], [-1], [0], [1]), "varies feature -1"),
    (lambda: Slice([0, 0], [0, 0], [0, 0], [1, 1]), "names a feature twice"),
    (lambda: Slice([0, 0], [], [], []), "at least one feature"),
    (lambda: Slice([np.nan, 0], [0], [0], [1]), "NaN"),
    (lambda: Slice([0, 0], [0], [0, 1], [1, 2]), "2 bounds for 1 features"),
    (lambda: Polytope([[1, 0]], [1, 2]), "A has 1 rows and b 2"),
    (lambda: Polytope([[np.nan, 0]], [1]), "NaN"),
    (lambda: Polytope([[1, 0]], [1], [0], [1]), "A has 2 columns and the box 1"),
    (lambda: Point([2, 0], [0, 0], [1, 1]), "feature 0 of the point is 2, outside"),
    (lambda: cloud(np.zeros((0, 2))), "needs points"),
    (lambda: cloud([[0, np.inf]]), "finite"),
    (lambda: cloud([[0, 0], [1, 1], [2, 2]], "convex"), "span no volume"),
    (lambda: frame(Box([0, 0], [1, 1]), 3), "2 features and the network 3"),
    (lambda: frame(Box([1, 2], [1, 2]), 2), "single point"),
    (lambda: frame(Polytope([[1, 0], [-1, 0]], [0, -1], [0, 0], [1, 1]), 2), "contradict"),
    (lambda: frame(Polytope([[1, 1]], [1], [0, 0]), 2), None),
    (lambda: frame(Polytope([[1, 1]], [1]), 2), "unbounded in feature 0"),
    (lambda: frame(Polytope([[1, -1], [-1, 1]], [0, 0], [0, 0], [1, 1]), 2), "no interior"),
    (lambda: frame(Slice([0, 0], [0, 1], [0, 0], [1, 1], [[1, 1]], [-1]), 2), "contradict"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_what_makes_no_region_is_refused(make: Any, message: str | None) -> None:
    if message is None:  # the triangle of x, y >= 0, x + y <= 1: bounded by its constraints
        assert make().dimensions == 2
        return
    with pytest.raises(DomainError, match=message):
        make()


def test_features_of_no_width_are_held_fixed() -> None:
    found = frame(Box([0, 3, -1], [2, 3, 1]), 3)
    assert found.dimensions == 2
    np.testing.assert_array_equal(found.free, [0, 2])
    t = np.array([[-1.0, 0], [1, 1]])
    np.testing.assert_allclose(found.embed(t), [[0, 3, 0], [2, 3, 1]])
    np.testing.assert_allclose(found.to_user(t), [[0, 3, 0], [2, 3, 1]])
    np.testing.assert_allclose(found.from_user(found.to_user(t)), t)
    assert found.scale == 1.0 * 1.0


def test_a_slice_has_coordinates_of_its_own_in_the_order_given() -> None:
    found = frame(Slice(torch.tensor([5.0, 6, 7]), [2, 0], [0, 0], [1, 4]), 3)
    t = np.array([[0.0, 1]])
    np.testing.assert_allclose(found.to_user(t), [[0.5, 4]])
    np.testing.assert_allclose(found.embed(t), [[4, 6, 0.5]])


def test_a_polytope_gets_the_box_around_it_and_only_constraints_that_cut_it() -> None:
    corner = Polytope([[1, 1], [1, 1]], [1, 100], [0, 0], [5, 5])
    found = frame(corner, 2)
    np.testing.assert_allclose(found.center + found.half, [1, 1])
    assert len(found.b) == 1
    points = np.array([[0.2, 0.2], [0.6, 0.6], [-0.1, 0.5], [0.5, 0.5]])
    np.testing.assert_array_equal(found.on_domain(points), [True, False, False, True])


def test_constraints_on_fixed_features_only_shift_the_others() -> None:
    found = frame(Polytope([[1, 1, 1]], [3], [2, 0, 0], [2, 5, 5]), 3)
    assert found.dimensions == 2
    np.testing.assert_allclose(found.center + found.half, [1, 1])


def test_clouds() -> None:
    points = np.array([[0.0, 0], [2, 0], [0, 2], [0.5, 0.5]])
    box = cloud(points)
    assert isinstance(box, Box)
    np.testing.assert_array_equal(box.upper, [2, 2])
    hull = frame(cloud(points, "convex"), 2)
    inside = hull.on_domain(np.array([[0.9, 0.9], [1.1, 1.1]]))
    np.testing.assert_array_equal(inside, [True, False])
    line = frame(cloud(np.array([[0.0, 1], [2, 1]]), "convex"), 2)
    assert line.dimensions == 1
