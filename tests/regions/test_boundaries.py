"""Tipping points, areas and boundaries: shapes that are known, and dense sampling."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import label
from tests.regions.networks import grid, mlp, run
from torch import Tensor, nn

from affidavit.errors import DomainError
from affidavit.regions import (
    Box,
    Slice,
    boundary,
    decision_areas,
    enclaves,
    partition,
    tipping_points,
)


class Formula(nn.Module):
    """A network given by a formula."""

    def __init__(self, formula: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.formula = formula

    def forward(self, x: Tensor) -> Tensor:
        return self.formula(x)


def diamond(x: Tensor) -> Tensor:
    """One output, above zero within a cross-polytope of radius 1/2."""
    return 0.5 - x.abs().mean(1, keepdim=True) * x.shape[1]


def ring(x: Tensor) -> Tensor:
    """One output, above zero where the 1-norm is between 0.4 and 0.8."""
    return 0.2 - (x.abs().mean(1, keepdim=True) * x.shape[1] - 0.6).abs()


def cube(k: int) -> Box:
    return Box(-np.ones(k), np.ones(k))


def test_breakpoints_of_a_slice_are_exact() -> None:
    model = Formula(lambda x: (x[:, :1] - 0.3).abs() - (x[:, :1] + 0.25).abs() * 2 + x[:, 1:])
    found = partition(model, Slice([0.0, 5.0], [0], [-1], [1]))
    peak, *others = tipping_points(found, 0, 0)
    assert not others
    assert peak.vertices == pytest.approx(np.array([[-0.25]]), abs=1e-12)
    assert peak.slopes == pytest.approx((1, -3))
    assert (peak.turn, peak.extent) == ("peak", 1)
    assert found.locate([[-0.6], [0.0]]).tolist() == list(peak.regions)


def test_a_border_in_the_plane_turns_both_features() -> None:
    found = partition(Formula(lambda x: (x[:, :1] - x[:, 1:]).abs()), cube(2))
    for feature in (0, 1):
        (point,) = tipping_points(found, None, feature)
        assert point.turn == "valley"
        assert point.slopes == pytest.approx((-1, 1))
        assert point.extent == pytest.approx(np.sqrt(8))
        assert np.allclose(point.vertices[:, 0], point.vertices[:, 1])
        start = found.interior_points[point.regions[0]]
        assert (start[0] < start[1]) == (feature == 0)


def test_levels_are_told_when_asked_for() -> None:
    found = partition(Formula(lambda x: torch.relu(x[:, :1] - 0.5) + x[:, 1:]), cube(2))
    assert tipping_points(found, 0, 0) == ()
    (point,) = tipping_points(found, 0, 0, levels=True)
    assert (point.turn, point.slopes) == ("level", (0, 1))
    assert tipping_points(found, 0, 1, levels=True) == ()


@pytest.mark.parametrize("seed", [0, 8, 10])
def test_tipping_points_of_a_network_against_its_slopes_along_a_line(seed: int) -> None:
    model = mlp([2, 8, 6, 1], seed)
    found = partition(model, Slice([0.0, 0.7], [0], [-3], [3]))
    x = np.linspace(-3, 3, 60_001)
    y = run(model, np.stack([x, np.full_like(x, 0.7)], 1))[:, 0]
    slope = np.diff(y)
    turns = np.flatnonzero(slope[1:] * slope[:-1] < 0)
    points = [float(point.vertices[0, 0]) for point in tipping_points(found, 0, 0)]
    assert len(points) == len(turns) > 0
    assert np.allclose(points, x[turns + 1], atol=2e-4)


def test_a_diamond_is_an_enclave() -> None:
    found = partition(Formula(diamond), cube(2), refine="decision")
    (inner,) = enclaves(found)
    assert (inner.decision, inner.surrounding, inner.beside) == (1, (0,), (0,))
    assert inner.volume == pytest.approx(0.5)
    assert np.abs(inner.witness).sum() < 0.5
    outer = decision_areas(found)[0]
    assert (outer.decision, outer.on_boundary, outer.surrounding) == (0, True, ())
    assert outer.volume == pytest.approx(3.5)
    assert sorted([*inner.regions, *outer.regions]) == list(range(len(found)))


def test_a_ring_and_what_it_encloses() -> None:
    band, core = enclaves(partition(Formula(ring), cube(2), refine="decision"))
    assert (band.decision, band.surrounding) == (1, (0,))
    assert band.volume == pytest.approx(2 * (0.64 - 0.16))
    assert (core.decision, core.surrounding) == (0, (1,))
    assert core.volume == pytest.approx(2 * 0.16)


def test_corners_do_not_connect() -> None:
    """A chessboard of two by two fields has four areas."""
    model = Formula(
        lambda x: torch.maximum(
            torch.minimum(x[:, :1], x[:, 1:]), torch.minimum(-x[:, :1], -x[:, 1:])
        )
    )
    areas = decision_areas(partition(model, cube(2), refine="decision"))
    assert [area.volume for area in areas] == pytest.approx([1, 1, 1, 1])
    assert all(area.on_boundary for area in areas)


@pytest.mark.parametrize("seed", [0, 3])
def test_areas_against_a_grid(seed: int) -> None:
    model, steps = mlp([2, 10, 8, 3], seed), 500
    found = decision_areas(partition(model, Box([-3, -3], [3, 3]), refine="decision"))
    classes = run(model, grid([-3, -3], [3, 3], steps)).argmax(1).reshape(steps, steps)
    sizes = []
    for cls in range(3):
        numbers, count = label(classes == cls)
        sizes += [(cls, float((numbers == i + 1).sum()) * 36 / steps**2) for i in range(count)]
    sizes = sorted((size for size in sizes if size[1] > 0.05), key=lambda size: -size[1])
    large = [(area.decision, area.volume) for area in found if area.volume > 0.05]
    assert [cls for cls, _ in large] == [cls for cls, _ in sizes]
    assert np.allclose([v for _, v in large], [v for _, v in sizes], atol=0.05)


def test_a_diamond_has_four_corners() -> None:
    border = boundary(partition(Formula(diamond), cube(2), refine="decision"), 1, 0)
    assert len(border) == border.corners == 4
    assert border.extent == pytest.approx(4 * np.sqrt(0.5))
    assert border.angles == pytest.approx(np.full(4, np.pi / 2))
    # Normals point to the inside, the first class.
    middles = np.stack([facet.points.mean(0) for facet in border.facets])
    assert ((border.normals * middles).sum(1) < 0).all()
    stretched = boundary(
        partition(Formula(diamond), cube(2), refine="decision"), 1, 0, scale=[1, 0.1]
    )
    assert stretched.extent == pytest.approx(4 * np.hypot(0.5, 5))
    assert stretched.angles.max() == pytest.approx(np.pi - 2 * np.arctan(0.1))


def test_an_octahedron_in_space() -> None:
    border = boundary(partition(Formula(diamond), cube(3), refine="decision"), 0, 1)
    assert len(border) == 8
    assert border.extent == pytest.approx(np.sqrt(3))
    assert len(border.joints) == border.corners == 12
    assert border.angles == pytest.approx(np.full(12, np.arccos(1 / 3)))


def test_four_dimensions() -> None:
    border = boundary(partition(Formula(diamond), cube(4), refine="decision"), 0, 1)
    # 16 tetrahedra of edge sqrt(1/2), which meet in 32 triangles.
    assert len(border) == 16
    assert border.extent == pytest.approx(16 * np.sqrt(0.5) ** 3 / (6 * np.sqrt(2)))
    assert len(border.joints) == 32
    assert border.angles == pytest.approx(np.full(32, np.pi / 3))


def test_lengths_against_crossings_of_parallel_lines() -> None:
    model, steps = mlp([2, 10, 8, 3], 3), 800
    decided = partition(model, Box([-3, -3], [3, 3]), refine="decision")
    classes = run(model, grid([-3, -3], [3, 3], steps)).argmax(1).reshape(steps, steps)
    for a, b in ((0, 1), (1, 2), (0, 2)):
        border = boundary(decided, a, b)
        for axis in (0, 1):
            one, other = classes.swapaxes(0, axis)[1:], classes.swapaxes(0, axis)[:-1]
            crossings = (((one == a) & (other == b)) | ((one == b) & (other == a))).sum()
            projected = float((border.extents * np.abs(border.normals[:, axis])).sum())
            assert projected == pytest.approx(float(crossings) * 6 / steps, abs=0.05, rel=0.02)


def test_arguments_that_do_not_fit() -> None:
    model: Any = mlp([2, 4, 3], 0)
    plain, decided = partition(model, cube(2)), partition(model, cube(2), refine="decision")
    bare = dataclasses.replace(decided, shapes=())
    for ask, message in (
        (lambda: boundary(plain, 0, 1), "does not tell decisions apart"),
        (lambda: boundary(decided, 1, 1), "between two classes"),
        (lambda: boundary(decided, 0, 7), "there is no class 7"),
        (lambda: boundary(decided, 0, 1, scale=[1]), "scale has 1 entries"),
        (lambda: enclaves(plain), "does not tell decisions apart"),
        (lambda: enclaves(bare), "does not keep"),
        (lambda: enclaves(dataclasses.replace(decided, complete=False)), "is incomplete"),
        (lambda: tipping_points(decided, 0, 5), "there is no feature 5"),
    ):
        with pytest.raises(DomainError, match=message):
            ask()
