"""Polygons and borders of a map, against the partition and the network."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from tests.regions.pictures.conftest import network

from affidavit import regions
from affidavit.errors import DomainError
from affidavit.regions.domain import Array
from affidavit.regions.engines import Skeleton
from affidavit.regions.pictures.cells import Polygons, polygons


def area(corners: Array) -> float:
    """The shoelace formula: right only for corners in order."""
    x, y = corners.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def areas(drawn: Polygons, count: int) -> Array:
    found = np.zeros(count)
    for piece, region in enumerate(drawn.region):
        found[region] += area(drawn.corners(piece))
    return found


def sides_seen(partition: regions.Partition, drawn: Polygons) -> np.ndarray:
    """The regions that `locate` finds a little to either side of each border."""
    ends = drawn.points[drawn.borders]
    along = ends[:, 1] - ends[:, 0]
    long = np.linalg.norm(along, axis=1)
    normal = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(long, 1e-300)[:, None]
    step = 1e-6 * normal
    middle = ends.mean(1)
    return np.stack([partition.locate(middle - step), partition.locate(middle + step)], 1)


@pytest.mark.parametrize("which", ["square", "slice_"])
def test_polygons_have_the_volumes_of_their_regions(
    request: pytest.FixtureRequest, which: str
) -> None:
    partition = request.getfixturevalue(which)
    found = areas(polygons(partition), len(partition))
    np.testing.assert_allclose(found, partition.volumes, rtol=1e-6, atol=1e-9)
    assert found.sum() == pytest.approx(partition.domain_volume)


@pytest.mark.parametrize("which", ["square", "slice_"])
def test_borders_lie_between_the_regions_they_name(
    request: pytest.FixtureRequest, which: str
) -> None:
    partition = request.getfixturevalue(which)
    drawn = polygons(partition)
    ends = drawn.points[drawn.borders]
    seen = np.sort(sides_seen(partition, drawn), axis=1)
    same = (seen == np.sort(drawn.sides, axis=1)).all(1)
    # A step of 1e-6 may leave a region that is thinner, and short borders have such neighbours.
    assert same[np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) > 1e-3].mean() > 0.99
    pairs = np.unique(np.sort(drawn.sides, axis=1), axis=0)
    np.testing.assert_array_equal(pairs, partition.neighbours)


def cut_apart(partition: regions.Partition) -> regions.Partition:
    """The same partition with cells of two boxes, cut apart at 0."""
    halves = [(np.array([-1.0, -1]), np.array([0.0, 1])), (np.array([0.0, -1]), np.array([1.0, 1]))]
    work, shapes = Skeleton(partition.network, boxes=halves), []
    while work.open:
        found = work.step(lambda share: None)
        assert found is not None
        assert found.shape is not None
        shapes.append(found.shape.numbered(partition.find(found.centers)))
    return dataclasses.replace(partition, shapes=tuple(shapes))


def test_boxes_that_were_cut_apart_meet_in_borders(square: regions.Partition) -> None:
    apart = polygons(cut_apart(square))
    whole = polygons(square)

    def length(drawn: Polygons) -> float:
        ends = drawn.points[drawn.borders]
        return float(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).sum())

    assert len(apart.region) > len(whole.region)
    # The cut through regions is no border; borders that end at the cut go on behind it.
    assert length(apart) == pytest.approx(length(whole))
    np.testing.assert_allclose(areas(apart, len(square)), square.volumes, atol=1e-9)


def test_a_border_on_the_cut_between_two_boxes_is_found() -> None:
    # The unit has its border at 0, where the domain is cut in two.
    linear = torch.nn.Linear(2, 1)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, 0.0]]))
        linear.bias.zero_()
    net = torch.nn.Sequential(linear, torch.nn.ReLU()).double()
    partition = regions.partition(net, regions.Box([-1, -1], [1, 1]))
    drawn = polygons(cut_apart(partition))
    ends = drawn.points[drawn.borders]
    wide = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) > 1e-6
    np.testing.assert_allclose(np.sort(ends[wide][0], axis=0), [[0, -1], [0, 1]], atol=1e-8)
    assert wide.sum() == 1


def test_without_cells_the_same_map_is_cut_again(square: regions.Partition) -> None:
    bare = polygons(dataclasses.replace(square, shapes=()))
    np.testing.assert_allclose(areas(bare, len(square)), square.volumes, rtol=1e-6, atol=1e-9)


def test_what_an_incomplete_partition_lacks_is_told(square: regions.Partition) -> None:
    kept = len(square) // 2
    partial = dataclasses.replace(
        square,
        patterns=square.patterns[:kept],
        centers=square.centers[:kept],
        radii=square.radii[:kept],
        shapes=(),
        complete=False,
    )
    drawn = polygons(partial)
    assert drawn.region.max() == kept - 1
    lost = [area(drawn.corners(piece)) for piece in np.flatnonzero(drawn.region < 0)]
    assert sum(lost) == pytest.approx(square.volumes[kept:].sum())


def test_a_map_needs_two_features() -> None:
    partition = regions.partition(network(3, 2), regions.Box([-1] * 3, [1] * 3))
    with pytest.raises(DomainError, match="two features that vary; this partition has 3"):
        polygons(partition)
