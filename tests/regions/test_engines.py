"""All engines against one another, the slow oracle, and counts agreed by independent tools."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from tests.graph.modules import Case
from tests.reference import all_patterns
from tests.regions.networks import layers, mlp
from tests.regions.test_network import LINEAR, sliced
from torch import nn

from affidavit.regions import Box, Partition, Polytope, Slice, engines, partition
from affidavit.regions.enumeration import Engine
from affidavit.regions.network import Network
from affidavit.regions.work import SHIFTS

ENGINES: tuple[Engine, ...] = ("skeleton", "lp")


def seeded(name: str) -> nn.Sequential:
    """The network that a name such as `5x16x8_s0` stands for, every layer followed by ReLU."""
    sizes, seed = name.split("_s")
    widths = [int(size) for size in sizes.split("x")]
    rng = np.random.default_rng(int(seed))
    modules: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        weight = rng.standard_normal((after, before)) * np.sqrt(2 / before)
        bias = rng.standard_normal(after) * 0.3
        modules += [dense(weight, bias), nn.ReLU()]
    return nn.Sequential(*modules)


def dense(weight: Any, bias: Any) -> nn.Linear:
    """A layer of these weights."""
    layer = nn.Linear(len(weight[0]), len(weight), dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weight))
        layer.bias.copy_(torch.as_tensor(bias))
    return layer


def cube(k: int) -> Box:
    """[-1, 1]^k."""
    return Box(-np.ones(k), np.ones(k))


def keys(found: Partition) -> set[bytes]:
    """Its patterns."""
    return {row.tobytes() for row in found.patterns}


AGREED = {
    "2x16x16_s1": 380,
    "2x32x32_s0": 1382,
    "3x24x24_s0": 8426,
    "5x16x8_s0": 18788,
    "6x12x8_s2": 33041,
}
"""Regions in [-1, 1]^d by Rust tools and by a prototype of ours that share no code."""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", AGREED)
def test_counts_agreed_by_independent_tools(name: str, engine: Any) -> None:
    # To verify 33,041 regions in six dimensions would take longer than all other tests here.
    verify = engine == "skeleton" and name != "6x12x8_s2"
    found = partition(seeded(name), cube(int(name[0])), engine=engine, verify=verify)
    assert len(found) == AGREED[name]
    assert found.complete


def test_the_wide_plane() -> None:
    assert len(partition(seeded("2x128x128_s0"), cube(2))) == 21964


def test_many_features_go_to_linear_programs() -> None:
    found = partition(seeded("12x10x8_s0"), cube(12))
    assert found.engine == "lp"
    assert len(found) == 33415


def test_a_complex_that_grows_too_large_gives_way_to_linear_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = seeded("7x8x4_s0")
    first = partition(model, cube(7))
    assert first.engine == "skeleton"
    monkeypatch.setattr(engines, "_BYTES", 1)
    second = partition(model, cube(7))
    assert second.engine == "lp"
    assert keys(first) == keys(second)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(4))
def test_the_patterns_are_all_that_the_paper_s_constraints_allow(seed: int, engine: Any) -> None:
    sizes = [[2, 4, 3, 2], [3, 5, 2], [1, 6, 3, 1], [4, 4, 4, 3]][seed]
    model = mlp(sizes, seed)
    found = partition(model, cube(sizes[0]), engine=engine)
    expected = all_patterns.regions(layers(model), -np.ones(sizes[0]), np.ones(sizes[0]))
    patterns = {
        tuple(int(bit) for states in found[i].pattern.values() for bit in states): i
        for i in range(len(found))
    }
    assert patterns.keys() == expected.keys()
    for pattern, index in patterns.items():
        weight, bias = expected[pattern]
        np.testing.assert_allclose(found[index].weight, weight, atol=1e-12)
        np.testing.assert_allclose(found[index].bias, bias, atol=1e-12)


@pytest.mark.parametrize("case", LINEAR, ids=lambda case: case.name)
def test_engines_agree_on_every_op(case: Case) -> None:
    domain = sliced(case)
    first, second = (partition(case.graph, domain, engine=engine) for engine in ENGINES)
    assert keys(first) == keys(second)
    share = np.random.default_rng(3).random((300, len(domain.features)))
    points = domain.lower + (domain.upper - domain.lower) * share
    index = first.locate(points)
    assert (index >= 0).all()
    weights, biases = first.maps(index)
    x = np.tile(domain.point, (len(points), 1))
    x[:, list(domain.features)] = points
    predicted = np.einsum("rof,rf->ro", weights, x) + biases
    t = first.frame.from_user(points)
    np.testing.assert_allclose(predicted, first.network.value(t), atol=1e-9)


W = np.random.default_rng(5).standard_normal((6, 2))
B = np.random.default_rng(6).standard_normal(6) * 0.3
V = np.random.default_rng(7).standard_normal((5, 12))


class Repeated(nn.Module):
    """Convolutions over an image made of three inputs over and over: equal patches everywhere."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.first = nn.Conv2d(1, 2, 2)
        self.pool = nn.MaxPool2d(2, 1)
        self.second = nn.Conv2d(2, 2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        row = torch.cat([x, x], 1)[:, None, None]
        image = torch.cat([row, row, row, row], 2)
        h = self.pool(torch.relu(self.first(image)))
        y: torch.Tensor = torch.relu(self.second(h)).flatten(1)
        return y


def stack(*pairs: tuple[Any, Any]) -> nn.Sequential:
    """Dense layers, each followed by ReLU."""
    return nn.Sequential(*[m for pair in pairs for m in (dense(*pair), nn.ReLU())])


def without_biases(d: int) -> nn.Sequential:
    """All hyperplanes meet in the origin."""
    rng = np.random.default_rng(d)
    return stack(
        (rng.standard_normal((6, d)), np.zeros(6)),
        (rng.standard_normal((5, 6)), np.zeros(5)),
        (rng.standard_normal((3, 5)), np.zeros(3)),
    )


DEGENERATE: dict[str, tuple[nn.Module, int]] = {
    "duplicated neurons": (stack((np.r_[W, W], np.r_[B, B]), (V, B[:5])), 2),
    "negated neurons": (stack((np.r_[W, -2 * W], np.r_[B, -2 * B]), (V, B[:5])), 2),
    "nearly duplicated neurons": (
        stack((np.r_[W, W], np.r_[B, B + 1e-13]), (V, B[:5])),
        2,
    ),
    "dead neurons": (stack((W, np.r_[B[:3], -9, -9, 9]), (V[:, :6], B[:5])), 2),
    "neurons of no weight": (
        stack((np.r_[W, np.zeros((2, 2))], np.r_[B, 0, 0]), (V[:, :8], B[:5])),
        2,
    ),
    "no biases in 2-D": (without_biases(2), 2),
    "no biases in 3-D": (without_biases(3), 3),
    "no biases in 4-D": (without_biases(4), 4),
    "a grid through its corners": (
        stack(
            ([[1, 0], [0, 1], [1, 0], [0, 1], [1, 1], [1, -1]], [0, 0, 0.5, 0.5, 0, 0]),
            (np.round(2 * V[:, :6]), np.zeros(5)),
        ),
        2,
    ),
    "the facets of the domain": (
        stack((np.r_[np.eye(3), -np.eye(3)], [1, -1, 0, 1, 1, 1]), (np.round(V[:, :6]), B[:5])),
        3,
    ),
    "all units zero": (stack((np.zeros((3, 2)), np.zeros(3)), (np.zeros((2, 3)), np.zeros(2))), 2),
    "repeated patches": (Repeated(), 3),
    "huge weights": (stack((1e12 * W, 1e12 * B), (V[:, :6], B[:5])), 2),
    "tiny weights": (stack((1e-12 * W, 1e-12 * B), (1e12 * V[:, :6], B[:5])), 2),
    "float32": (mlp([3, 8, 6, 2]).float(), 3),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_positions(name: str) -> None:
    model, d = DEGENERATE[name]
    found = {engine: partition(model, cube(d), engine=engine) for engine in ENGINES}
    first = found["skeleton"]
    assert keys(first) == keys(found["lp"])
    assert (first.radii > 0).all()
    sampled = np.random.default_rng(4).uniform(-1, 1, (5000, d))
    assert {row.tobytes() for row in first.network.states(sampled)} <= keys(first)
    assert (first.locate(sampled) >= 0).all()
    assert first.volumes.sum() == pytest.approx(2**d, rel=1e-7)


def test_regions_thinner_than_tolerance_do_not_count_and_thicker_ones_do() -> None:
    for gap, count in ((1e-12, 2), (1e-6, 3)):
        model = stack(([[1.0], [1.0]], [0, gap]))
        for engine in ENGINES:
            assert len(partition(model, cube(1), engine=engine)) == count


def test_a_state_that_touches_the_domain_in_a_point_only_is_no_region() -> None:
    # Positive only beyond the corner (1, 1), which it touches.
    model = stack(([[1.0, 1.0]], [-2.0]))
    for engine in ENGINES:
        assert len(partition(model, cube(2), engine=engine)) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_constraints_cut_the_domain(engine: Any) -> None:
    model = mlp([3, 8, 6, 2], 1)
    rng = np.random.default_rng(0)
    A, b = rng.standard_normal((4, 3)), np.array([0.5, 0.6, 0.7, 0.8])
    whole = partition(model, cube(3))
    part = partition(model, Polytope(A, b, -np.ones(3), np.ones(3)), engine=engine)
    points = rng.uniform(-1, 1, (20000, 3))
    inside = (points @ A.T <= b).all(1)
    assert (part.locate(points) >= 0).tolist() == inside.tolist()
    assert {row.tobytes() for row in part.network.states(part.frame.from_user(points[inside]))} <= (
        keys(part)
    )
    assert keys(part) < keys(whole)
    assert part.domain_volume == pytest.approx(8 * inside.mean(), rel=0.05)
    assert part.volumes.sum() == pytest.approx(part.domain_volume)


def test_a_slice_is_the_box_with_the_others_fixed() -> None:
    model = mlp([4, 8, 6, 2], 2)
    point = np.array([0.1, 0.2, 0.3, 0.4])
    slice_ = partition(model, Slice(point, [3, 1], [-1, 0], [1, 2]))
    box = partition(model, Box([0.1, 0, 0.3, -1], [0.1, 2, 0.3, 1]))
    assert keys(slice_) == keys(box)
    assert slice_.interior_points.shape[1] == 2
    assert box.interior_points.shape[1] == 4
    np.testing.assert_allclose(slice_.volumes.sum(), 4)
    np.testing.assert_allclose(box.volumes.sum(), 4)
    assert slice_[0].weight.shape == (2, 4)


def test_features_of_very_different_units() -> None:
    model = mlp([3, 8, 6, 2], 3)
    unit = np.array([1e6, 1.0, 1e-6])
    scaled = nn.Sequential(dense(np.diag(1 / unit), np.zeros(3)), *model)
    found = partition(scaled, Box(-unit, unit))
    assert len(found) == len(partition(model, cube(3)))
    assert found.volumes.sum() == pytest.approx(8)


def test_displaced_hyperplanes_give_the_same_regions() -> None:
    found = partition(mlp([3, 8, 6, 2], 4), cube(3))
    network: Network = found.network
    from affidavit.regions import skeleton

    for size in SHIFTS[1:]:
        shifts = network.shifts(size, np.random.default_rng(1))
        moved = skeleton.subdivide(network, skeleton.domain_complex(found.frame), shifts=shifts)
        cells = skeleton.cells(moved)
        states = {row.tobytes() for row in network.states(cells.interior)}
        assert states == keys(found)


def test_a_network_without_a_switch_is_one_region() -> None:
    for engine in ENGINES:
        found = partition(nn.Linear(3, 2).double(), cube(3), engine=engine)
        assert len(found) == 1
        np.testing.assert_allclose(found.volumes, [8])
        np.testing.assert_allclose(found[0].weight, found.network.gradients(np.zeros((1, 3)))[0][0])


def test_runs_repeat() -> None:
    model, d = DEGENERATE["no biases in 3-D"]
    first, second = partition(model, cube(d)), partition(model, cube(d))
    np.testing.assert_array_equal(first.patterns, second.patterns)
    np.testing.assert_array_equal(first.centers, second.centers)
