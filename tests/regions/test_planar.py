"""The engine for two dimensions, against the skeleton, the network and elementary geometry."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graph.modules import CASES, Case
from torch import Tensor, nn

from affidavit import regions
from affidavit.errors import DomainError, UnsupportedOpsError
from affidavit.graph import Graph
from affidavit.regions import planar
from affidavit.regions.domain import Array, Box, Domain, Polytope, Slice
from affidavit.regions.engines import MANY_UNITS
from affidavit.regions.enumeration import Refinement, on, partition
from affidavit.regions.facets import extent, facets
from affidavit.regions.planar import Planar
from affidavit.regions.polygons import Polygons
from affidavit.regions.result import Partition
from affidavit.regions.verification import verify

SQUARE = Box([-1.0, -1.0], [1.0, 1.0])


def network(*widths: int, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1]).double()


def polygons(found: Partition) -> Polygons:
    (shape,) = found.shapes
    assert isinstance(shape, Polygons)
    return shape


def check_polygons(found: Partition) -> None:
    """Convex, counter-clockwise, without repeated vertices, and together the domain."""
    shape = polygons(found)
    total = 0.0
    for cell in range(len(shape)):
        points = shape.points(cell)
        assert len(points) >= 3
        edges = np.roll(points, -1, axis=0) - points
        assert (np.abs(edges).max(1) > 4e-16).all()
        following = np.roll(edges, -1, axis=0)
        turn = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
        assert turn.min() > -1e-11  # vertices may lie 1e-12 off a line that passes them
        x, y = points.T
        area = (x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
        assert area == pytest.approx(shape.volumes[cell], abs=1e-15)
        total += float(area)
    assert total * found.frame.scale == pytest.approx(found.domain_volume, rel=1e-9)
    assert found.decided == 1.0


def same(model: Graph | nn.Module, domain: Domain, refine: Refinement = None) -> Partition:
    """The planar partition, found equal to the skeleton's."""
    found = partition(model, domain, engine="planar", refine=refine)
    other = partition(model, domain, engine="skeleton", refine=refine)
    assert found.engine == "planar"
    match = other.find(found.centers)
    # Regions that only just count may be found by one engine alone.
    sure = found.radii > 1e-8
    assert (match[sure] >= 0).all()
    assert (found.find(other.centers)[other.radii > 1e-8] >= 0).all()
    np.testing.assert_allclose(found.volumes[sure], other.volumes[match[sure]], atol=1e-7)
    check_polygons(found)
    verify(found)
    np.testing.assert_array_equal(found.patterns[sure], found.network.states(found.centers[sure]))
    return found


def test_the_same_partition_as_the_skeletons() -> None:
    model = network(2, 24, 24, 3)
    found = same(model, SQUARE)
    other = partition(model, SQUARE, engine="skeleton")
    assert len(found) == len(other) > 300
    match = other.find(found.centers)
    pairs = np.sort(match[found.neighbours], axis=1)
    np.testing.assert_array_equal(np.unique(pairs, axis=0), other.neighbours)
    x = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    np.testing.assert_array_equal(match[found.locate(x)], other.locate(x))


def test_a_region_contains_its_ball_and_its_vertices() -> None:
    model = network(2, 16, 16, 2)
    found = partition(model, SQUARE, engine="planar")
    shape = polygons(found)
    for cell in range(len(shape)):
        region = found[int(shape.region[cell])]
        A, b = region.halfspaces
        assert (b[:, None] + 1e-9 >= A @ shape.points(cell).T).all()
        room = (b - A @ shape.interior[cell]) / np.linalg.norm(A, axis=1)
        assert 0 < shape.radius[cell] <= room.min() + 1e-9


def test_facets_by_a_step_across_the_middle_of_each_border() -> None:
    found = partition(network(2, 20, 20, 2), SQUARE, engine="planar")
    shape = polygons(found)
    pairs, alone = shape.facets
    assert (alone[:, 1] >= 0).all()
    seen = {tuple(sorted(pair)) for pair in found.neighbours.tolist()}
    assert len(pairs) == len(seen)
    for index in range(0, len(found), 7):
        points = shape.points(int(np.flatnonzero(shape.region == index)[0]))
        ends = np.roll(points, -1, axis=0)
        along = ends - points
        length = np.linalg.norm(along, axis=1)
        for share in (0.01, 0.5, 0.99):
            out = np.stack([along[:, 1], -along[:, 0]], 1) / length[:, None]
            beyond = points + share * along + 1e-9 * out
            for other, long in zip(found.locate(beyond).tolist(), length, strict=True):
                if other >= 0 and other != index and long > 1e-5:
                    assert tuple(sorted((index, other))) in seen


def test_ends_of_facets_lie_on_both_cells() -> None:
    shape = polygons(partition(network(2, 20, 20, 2), SQUARE, engine="planar"))

    def distances(cell: int, points: Array) -> Array:
        corners = shape.points(cell)
        edges = np.roll(corners, -1, axis=0) - corners
        normals = np.stack([-edges[:, 1], edges[:, 0]], 1)
        normals /= np.linalg.norm(normals, axis=1)[:, None]
        away: Array = ((points[:, None] - corners) * normals).sum(2).min(1)
        return away

    for index, (one, other) in enumerate(shape.facets[0]):
        ends = shape.facet(index)
        assert np.linalg.norm(ends[1] - ends[0]) > 0
        for cell in (int(one), int(other)):
            np.testing.assert_allclose(distances(cell, ends), 0, atol=1e-9)


def test_areas_and_borders_as_with_the_skeletons_cells() -> None:
    model = network(2, 20, 20, 3, seed=1)
    last = model[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        x = 2 * torch.rand(1000, 2, dtype=torch.float64) - 1
        last.bias.sub_(model(x).mean(0))
    found = [
        partition(model, SQUARE, engine=engine, refine="decision")
        for engine in ("planar", "skeleton")
    ]
    one, other = (regions.decision_areas(each) for each in found)
    assert len(one) == len(other) > 1
    for here, there in zip(one, other, strict=True):
        assert here.decision == there.decision
        assert here.volume == pytest.approx(there.volume)
        assert here.on_boundary == there.on_boundary
        assert here.beside == there.beside
    lengths = [
        sum(extent(facet.points) for facet in facets(each, each.neighbours)) for each in found
    ]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-6)


@pytest.mark.parametrize("refine", ["decision", "ranking"])
def test_refinements(refine: Refinement) -> None:
    model = network(2, 12, 12, 4)
    last = model[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        x = 2 * torch.rand(1000, 2, dtype=torch.float64) - 1
        last.bias.sub_(model(x).mean(0))  # every class is the largest somewhere
    found = same(model, SQUARE, refine)
    assert len(found) > len(partition(model, SQUARE))


def piecewise_linear(case: Case) -> bool:
    try:
        on(case.graph, domain_of(case))
    except UnsupportedOpsError:
        return False
    return True


def domain_of(case: Case) -> Slice:
    point = case.inputs(1)[0].double().flatten().numpy()
    chosen = (0, len(point) // 2)
    return Slice(point, chosen, point[list(chosen)] - 3, point[list(chosen)] + 2)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_modules_of_every_op(case: Case) -> None:
    if int(np.prod(case.shape)) < 2 or not piecewise_linear(case):
        with pytest.raises((UnsupportedOpsError, DomainError)):
            partition(case.graph, domain_of(case), engine="planar")
        return
    same(case.graph, domain_of(case))


def doubled(model: nn.Sequential) -> nn.Sequential:
    """Every unit of the first layer twice, and once negated; a dead and a zero one besides."""
    first, second = model[0], model[2]
    assert isinstance(first, nn.Linear)
    assert isinstance(second, nn.Linear)
    wide = nn.Linear(2, 3 * first.out_features + 2).double()
    last = nn.Linear(wide.out_features, second.out_features).double()
    with torch.no_grad():
        w, b = first.weight, first.bias
        wide.weight.copy_(torch.cat([w, 3 * w, -w, torch.zeros(2, 2)]))
        wide.bias.copy_(torch.cat([b, 3 * b, -b, torch.tensor([-1.0, 0.0])]))
    return nn.Sequential(wide, nn.ReLU(), last, *list(model)[3:])


def integers(model: nn.Sequential) -> nn.Sequential:
    for parameter in model.parameters():
        parameter.data = (3 * parameter.data).round()
    return model


def without_biases(model: nn.Sequential) -> nn.Sequential:
    for layer in model:
        if isinstance(layer, nn.Linear):
            layer.bias.data.zero_()
    return model


DEGENERATE: dict[str, Callable[[], nn.Module]] = {
    "doubled": lambda: doubled(network(2, 8, 8, 2)),
    "no biases": lambda: without_biases(network(2, 10, 10, 2)),
    "integers": lambda: integers(network(2, 10, 10, 2)),
    "integers without biases": lambda: without_biases(integers(network(2, 10, 10, 2))),
    "all zero": lambda: without_biases(integers(network(2, 1, 1, 1, seed=3))),
    "edges of the domain": lambda: Lines([[1, 0, -1], [1, 0, 1], [0, 1, 1], [0, 1, 0]]),
    "through the corners": lambda: Lines([[1, 1, 0], [1, -1, 0], [1, 1, 2], [2, 1, -1]]),
    "almost parallel": lambda: Lines([[1, 0, 0], [1, 1e-9, 0], [1, -1e-9, 0], [1, 0, 1e-12]]),
    "almost through a point": lambda: Lines(
        [[1, 0, 0], [0, 1, 0], [1, 1, 1e-12], [1, -1, 1e-11], [1, 2, 1e-9], [2, 1, 1e-14]]
    ),
}


class Lines(nn.Module):
    """A ReLU for each line a x + b y = c, then another layer."""

    def __init__(self, lines: list[list[float]]) -> None:
        super().__init__()
        table = torch.tensor(lines, dtype=torch.float64)
        self.first = nn.Linear(2, len(table)).double()
        self.last = nn.Linear(len(table), 3).double()
        with torch.no_grad():
            self.first.weight.copy_(table[:, :2])
            self.first.bias.copy_(-table[:, 2])

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.last(torch.relu(self.first(x))))


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_positions(name: str) -> None:
    torch.manual_seed(0)
    found = same(DEGENERATE[name](), SQUARE)
    if name == "edges of the domain":
        assert (found.volumes > 0.1).sum() >= 2


def test_lines_through_one_point_make_as_many_regions_as_rays() -> None:
    model = Lines([[1, 0, 0.25], [0, 1, 0.5], [1, 1, 0.75], [1, -1, -0.25]])
    model.last.weight.data.zero_()
    model.last.bias.data.fill_(1)
    found = partition(model, SQUARE, engine="planar")
    assert len(found) == 8
    pairs = found.neighbours
    assert len(pairs) == 8
    assert (np.bincount(pairs.ravel()) == 2).all()


def test_patches_that_repeat_and_pools_that_overlap() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.Flatten(),
        nn.Linear(27, 3),
    ).double()
    graph = regions_graph(model, (1, 5, 5))
    same(graph, Slice(np.full(25, 0.5), (6, 18), [-1, -1], [1, 1]))
    same(graph, Slice(np.zeros(25), (6, 18), [-1, -1], [1, 1]), "decision")


def regions_graph(model: nn.Module, shape: tuple[int, ...]) -> Graph:
    from affidavit.graph import load

    return load(model, torch.zeros(1, *shape, dtype=torch.float64))


def test_polytopes() -> None:
    model = network(2, 16, 16, 2)
    turns = np.linspace(0, 2 * np.pi, 7, endpoint=False)
    hexagon = Polytope(np.stack([np.cos(turns), np.sin(turns)], 1), np.full(7, 0.9))
    found = same(model, hexagon)
    assert found.volumes.sum() == pytest.approx(7 * 0.81 * np.tan(np.pi / 7), rel=1e-13)
    through = Polytope([[1, 1], [1, -1], [1.0, 0.5]], [0, 0.5, 10], [-1, -1], [1, 1])
    same(model, through)


def test_a_large_unit_does_not_hide_a_small_one() -> None:
    # The first unit's rounding, 1e-3 of the second's largest value, is none of the second's.
    model = Lines([[1e10, 0, 0], [1, 1e-3, 0]])
    model.last.weight.data.zero_()
    model.last.bias.data.fill_(1)
    found = partition(model, SQUARE, engine="planar")
    # By hand: two triangles of height 1 between x = 0 and x = -1e-3 y.
    np.testing.assert_allclose(np.sort(found.volumes)[:2], 5e-4, rtol=1e-9)
    assert len(found) == 4


def test_labels_of_the_domains_edges() -> None:
    domain = Polytope([[1.0, 1.0]], [1.0], [-1, -1], [1, 1])
    shape = polygons(partition(network(2, 1, 1), domain, engine="planar"))
    owners, hyperplanes = shape.facets[1].T
    assert set(hyperplanes.tolist()) == {0, 1, 2, 3, 4}
    for cell, hyperplane in zip(owners, hyperplanes, strict=True):
        x, y = shape.points(int(cell)).T
        distance = [x + 1, 1 - x, y + 1, 1 - y, (1 - x - y)][hyperplane]
        assert (np.abs(distance) < 1e-12).sum() >= 2


@settings(max_examples=25)
@given(
    widths=st.lists(st.integers(1, 7), min_size=1, max_size=3),
    seed=st.integers(0, 2**31),
    digits=st.integers(0, 3),
)
def test_random_networks(widths: list[int], seed: int, digits: int) -> None:
    model = network(2, *widths, 2, seed=seed)
    for parameter in model.parameters():
        parameter.data = (parameter.data * 10**digits).round() / 10**digits
    same(model, SQUARE)


def test_small_steps_make_the_same_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(2, 40, 20, 2)
    whole = partition(model, SQUARE, engine="planar")
    for name, value in (("_NUMBERS", 1), ("_VERTICES", 1), ("_LINES", 3)):
        monkeypatch.setattr(planar, name, value)
    parted = partition(model, SQUARE, engine="planar")
    assert len(parted) == len(whole)
    match = whole.find(parted.centers)
    np.testing.assert_allclose(parted.volumes, whole.volumes[match], atol=1e-12)
    pairs = np.unique(np.sort(match[parted.neighbours], axis=1), axis=0)
    np.testing.assert_array_equal(pairs, whole.neighbours)
    check_polygons(parted)


def test_a_step_that_is_interrupted_is_still_to_be_done() -> None:
    work = Planar(on(network(2, 8, 8, 2), SQUARE))
    bundles = list(work.bundles)

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.step(stop)
    assert work.bundles == bundles


def test_saved_halfway_loaded_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planar, "_VERTICES", 200)
    model = network(2, 24, 24, 2)
    whole = partition(model, SQUARE, engine="planar")
    half = partition(model, SQUARE, engine="planar", limits=regions.Limits(regions=len(whole) // 2))
    assert not half.complete
    assert half.decided == pytest.approx(half.volumes.sum() / 4)
    half.save(tmp_path / "half.npz")
    found = partition(model, SQUARE, resume=Partition.load(tmp_path / "half.npz", model))
    assert found.complete
    match = whole.find(found.centers)
    np.testing.assert_array_equal(np.sort(match), np.arange(len(whole)))
    np.testing.assert_allclose(found.volumes, whole.volumes[match])
    pairs = np.unique(np.sort(match[found.neighbours], axis=1), axis=0)
    np.testing.assert_array_equal(pairs, whole.neighbours)
    found.save(tmp_path / "whole.npz")
    again = Partition.load(tmp_path / "whole.npz", model)
    np.testing.assert_array_equal(again.neighbours, found.neighbours)
    np.testing.assert_array_equal(again.volumes, found.volumes)


def test_without_geometry_no_polygons_are_kept() -> None:
    model = network(2, 16, 16, 2)
    bare = partition(model, SQUARE, engine="planar", geometry=False)
    assert bare.shapes == ()
    assert len(bare) == len(partition(model, SQUARE, engine="planar"))


def test_chosen_for_two_features_and_many_units() -> None:
    narrow, wide = network(2, 8, 2), network(2, MANY_UNITS, 2)
    assert partition(narrow, SQUARE).engine == "skeleton"
    corner = Box([0.0, 0.0], [0.1, 0.1])
    assert partition(wide, corner).engine == "planar"
    assert partition(wide, Box([0.0, 0.0], [0.1, 0.0])).engine == "skeleton"


@pytest.mark.parametrize("features", [1, 3])
def test_it_needs_two_features(features: int) -> None:
    domain = Box(-np.ones(features), np.ones(features))
    with pytest.raises(DomainError, match=f"exactly two features that vary, not {features}"):
        partition(network(features, 4, 2), domain, engine="planar")
