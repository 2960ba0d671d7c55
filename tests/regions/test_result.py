from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import ConvexHull, HalfspaceIntersection
from tests.regions.networks import mlp
from tests.regions.test_engines import cube, keys, seeded, without_biases

from affidavit.errors import DomainError, OutputError, RecordError, VerificationError
from affidavit.regions import (
    Box,
    Limits,
    Partition,
    Point,
    Polytope,
    Progress,
    Slice,
    partition,
)
from affidavit.regions.saving import write_table
from affidavit.regions.verification import verify


@pytest.fixture(scope="module", params=["skeleton", "lp"])
def found(request: pytest.FixtureRequest) -> Partition:
    """A partition in three dimensions by either engine."""
    return partition(mlp([3, 8, 6, 2], 1), cube(3), engine=request.param)


def test_regions_are_the_polytopes_of_their_halfspaces(found: Partition) -> None:
    total = 0.0
    for region in list(found)[:60]:
        A, b = region.halfspaces
        slack = b - A @ region.interior_point
        assert (slack > 0).all()
        qhull = HalfspaceIntersection(np.c_[A, -b], region.interior_point)
        corners = np.unique(np.round(qhull.intersections, 8), axis=0)
        np.testing.assert_allclose(
            np.unique(np.round(region.vertices, 8), axis=0), corners, atol=2e-8
        )
        assert len(qhull.dual_facets) >= len(corners)
        assert set(np.concatenate(qhull.dual_facets)) == set(range(len(b)))  # none redundant
        assert region.volume == pytest.approx(ConvexHull(region.vertices).volume, rel=1e-6)
        assert region.volume == pytest.approx(found.volumes[region.index], rel=1e-6, abs=1e-15)
        total += region.volume
        radius = found.radii[region.index]
        assert (slack >= radius * np.linalg.norm(A, axis=1) * (1 - 1e-9)).all()
    assert total <= 8


def test_volumes_sum_to_the_domain_s_and_agree_with_counting(found: Partition) -> None:
    assert found.volumes.sum() == pytest.approx(8)
    points = np.random.default_rng(0).uniform(-1, 1, (200_000, 3))
    counted = np.bincount(found.locate(points), minlength=len(found)) / len(points)
    np.testing.assert_allclose(counted, found.volumes / 8, atol=0.006)


def test_locate_finds_the_region_whose_halfspaces_hold(found: Partition) -> None:
    points = np.random.default_rng(1).uniform(-1.2, 1.2, (300, 3))
    for point, index in zip(points, found.locate(points), strict=True):
        if (np.abs(point) > 1).any():
            assert index == -1
        else:
            A, b = found[int(index)].halfspaces
            assert (A @ point <= b + 1e-9).all()
    assert (found.locate(found.interior_points) == np.arange(len(found))).all()
    assert len(found.locate(np.zeros((0, 3)))) == 0
    with pytest.raises(DomainError, match=r"shape \[point, 3\], not \[2\]"):
        found.locate(np.zeros(2))


def test_vertices_lie_in_a_region_that_meets_there(found: Partition) -> None:
    for region in list(found)[:20]:
        for vertex, index in zip(region.vertices, found.locate(region.vertices), strict=True):
            A, b = found[int(index)].halfspaces
            assert (A @ vertex <= b + 1e-7).all()


def test_neighbours_share_a_facet_and_differ_in_one_unit(found: Partition) -> None:
    pairs = found.neighbours
    assert (pairs[:, 0] < pairs[:, 1]).all()
    bits = np.unpackbits(found.patterns, axis=1)
    # In general position a facet lies on the hyperplane of one unit alone.
    assert ((bits[pairs[:, 0]] != bits[pairs[:, 1]]).sum(1) == 1).all()
    inner = 0
    for region in found:
        A, b = region.halfspaces
        inner += int((np.abs(np.abs(b / np.linalg.norm(A, axis=1)) - 1) > 1e-9).sum())
    assert 2 * len(pairs) == inner


def test_indices_are_those_of_a_sequence(found: Partition) -> None:
    assert len(list(found)) == len(found)
    assert found[-1].index == len(found) - 1
    with pytest.raises(IndexError, match="region"):
        found[len(found)]
    assert "regions in 3 dimensions" in repr(found)


def test_a_point_has_the_region_that_the_partition_has_there(found: Partition) -> None:
    model = mlp([3, 8, 6, 2], 1)
    for x in np.random.default_rng(2).uniform(-1, 1, (5, 3)):
        alone = partition(model, Point(x, -np.ones(3), np.ones(3)))
        (index,) = found.locate(x[None])
        assert alone.patterns[0].tobytes() == found.patterns[index].tobytes()
        assert alone[0].volume == pytest.approx(found[int(index)].volume)
        np.testing.assert_allclose(alone[0].weight, found[int(index)].weight)


def test_a_point_where_all_hyperplanes_meet_has_one_of_the_regions_there() -> None:
    model = without_biases(3)
    alone = partition(model, Point(np.zeros(3), -np.ones(3), np.ones(3)))
    whole = partition(model, cube(3))
    assert keys(alone) <= keys(whole)
    assert alone[0].volume == pytest.approx(whole.volumes[whole.find(alone.centers)[0]], rel=1e-6)


DOMAINS: list[Any] = [
    Box([-1, 0, -1], [1, 0, 1]),
    Polytope([[1, 1, 1]], [0.5], -np.ones(3), np.ones(3)),
    Slice([0.1, 0.2, 0.3], [2, 0], [-1, -1], [1, 1]),
    Point(np.full(3, 0.1), -np.ones(3), np.ones(3)),
]


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: type(domain).__name__)
@pytest.mark.parametrize("refine", [None, "decision", "ranking"])
def test_what_is_saved_is_read_again(domain: Any, refine: Any, tmp_path: Path) -> None:
    model = mlp([3, 6, 4, 3], 2)
    first = partition(model, domain, refine=None if isinstance(domain, Point) else refine)
    first.save(tmp_path / "p.npz")
    second = Partition.load(tmp_path / "p.npz", model)
    np.testing.assert_array_equal(first.patterns, second.patterns)
    np.testing.assert_array_equal(first.volumes, second.volumes)
    np.testing.assert_array_equal(first.neighbours, second.neighbours)
    assert (second.engine, second.complete) == (first.engine, True)
    x = first.interior_points
    np.testing.assert_array_equal(second.locate(x), np.arange(len(first)))
    if refine and not isinstance(domain, Point):
        np.testing.assert_array_equal(first.answers, second.answers)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    first = partition(mlp([2, 4, 2], 1), cube(2))
    path = tmp_path / "p.npz"
    first.save(path)
    with pytest.raises(RecordError, match="another network"):
        Partition.load(path, mlp([2, 4, 2], 2))
    path.write_bytes(b"no archive")
    with pytest.raises(RecordError, match="is no saved partition"):
        Partition.load(path, mlp([2, 4, 2], 1))
    with pytest.raises(OutputError, match="cannot be written"):
        first.save(tmp_path / "missing" / "p.npz")
    np.savez(path, meta=np.array(json.dumps({"domain": "box"})))
    with pytest.raises(RecordError):
        Partition.load(path, mlp([2, 4, 2], 1))


def test_a_table_for_other_tools(tmp_path: Path) -> None:
    import pandas as pd

    first = partition(mlp([3, 6, 4, 3], 2), DOMAINS[2], refine="decision")
    write_table(first, tmp_path / "t.parquet")
    table = pd.read_parquet(tmp_path / "t.parquet")
    np.testing.assert_array_equal(table["volume"], first.volumes)
    np.testing.assert_allclose(table["weight 1 x2"], first.maps()[0][:, 1, 2])
    assert len(table) == len(first)
    assert "point x0" in table
    assert "point x1" not in table


@pytest.mark.parametrize("engine", ["skeleton", "lp"])
@pytest.mark.parametrize("on_disk", [False, True])
def test_a_run_that_was_stopped_goes_on_to_the_same_end(
    engine: Any, on_disk: bool, tmp_path: Path
) -> None:
    model, domain = seeded("5x16x8_s0"), cube(5)
    whole = partition(model, domain, engine=engine)
    part = partition(model, domain, engine=engine, limits=Limits(regions=2000))
    assert not part.complete
    assert "limit of 2,000 regions" in part.reason
    assert "incomplete" in repr(part)
    assert 2000 <= len(part) < len(whole)
    assert 0 < part.decided < 1
    assert keys(part) <= keys(whole)
    if on_disk:
        part.save(tmp_path / "p.npz")
        part = Partition.load(tmp_path / "p.npz", model)
    rest = partition(model, domain, engine=engine, resume=part)
    assert rest.complete
    assert keys(rest) == keys(whole)
    assert rest.seconds > part.seconds
    if engine == "skeleton":
        # Regions that boxes cut apart have their volumes together again.
        np.testing.assert_allclose(
            rest.volumes[rest.find(whole.centers)], whole.volumes, rtol=1e-4, atol=1e-10
        )
    with pytest.raises(DomainError, match="is complete: nothing is left"):
        partition(model, domain, resume=rest)
    with pytest.raises(DomainError, match="another network or another domain"):
        partition(model, Box(-np.ones(5), 2 * np.ones(5)), resume=part)


@pytest.mark.parametrize("engine", ["skeleton", "lp"])
def test_an_interrupt_keeps_what_was_found(engine: Any) -> None:
    seen: list[Progress] = []

    def interrupt(state: Progress) -> None:
        seen.append(Progress(state.regions, state.decided, state.within, state.seconds))
        if state.regions > 3000:
            raise KeyboardInterrupt

    part = partition(
        seeded("5x16x8_s0"),
        cube(5),
        engine=engine,
        progress=interrupt,
        limits=Limits(regions=5000),
    )
    assert part.reason == "interrupted"
    assert len(part) > 2500
    regions = [state.regions for state in seen]
    assert regions == sorted(regions)
    assert seen[-1].decided <= 1


def test_limits_of_time_and_memory() -> None:
    model, domain = seeded("5x24x24_s3"), cube(5)
    part = partition(model, domain, limits=Limits(seconds=0.2))
    assert "limit of 0.2 s" in part.reason
    part = partition(model, domain, limits=Limits(bytes=2e6))
    assert "memory limit" in part.reason
    assert "regions are to be expected" in part.reason
    with pytest.raises(DomainError, match="limit on regions is 0; expected above 0"):
        Limits(regions=0)


def test_a_wide_first_layer_does_not_outgrow_memory() -> None:
    part = partition(seeded("30x40x2_s0"), cube(30), limits=Limits(regions=5))
    assert not part.complete
    assert 5 <= len(part) < 1_000_000


def test_unknown_engines_and_refinements() -> None:
    model = mlp([2, 4, 2], 1)
    with pytest.raises(DomainError, match=r"no engine is called 'skelton' \(did you mean"):
        partition(model, cube(2), engine="skelton")  # type: ignore[arg-type]
    with pytest.raises(DomainError, match="expected 'decision', 'ranking' or a Switch"):
        partition(model, cube(2), refine="classes")  # type: ignore[arg-type]
    with pytest.raises(DomainError, match="needs two outputs"):
        partition(mlp([2, 4, 1], 1), cube(2), refine="ranking")
    with pytest.raises(DomainError, match="does not tell decisions apart"):
        _ = partition(model, cube(2)).answers


def test_verification_says_what_it_checked(found: Partition) -> None:
    said = verify(found, closure=True)
    assert said.regions == len(found)
    assert said.map_error < 1e-12
    assert said.volume_error is not None
    assert said.volume_error < 1e-9
    assert said.closed


def test_verification_finds_what_is_wrong() -> None:
    import dataclasses

    good = partition(mlp([3, 8, 6, 2], 1), cube(3), geometry=False)
    lost = np.arange(len(good)) != int(np.argmax(good.radii))
    fewer = dataclasses.replace(
        good, patterns=good.patterns[lost], centers=good.centers[lost], radii=good.radii[lost]
    )
    with pytest.raises(VerificationError, match=r"volumes of .* regions sum to"):
        verify(fewer)
    with pytest.raises(VerificationError, match="have neither another region"):
        verify(dataclasses.replace(fewer, complete=False), closure=True)
    with pytest.raises(VerificationError, match="is not found at a point of its own ball"):
        verify(dataclasses.replace(good, patterns=good.patterns[::-1].copy()))
    other = partition(mlp([3, 8, 6, 2], 9), cube(3), geometry=False)
    mixed = dataclasses.replace(good, network=other.network)
    with pytest.raises(VerificationError):
        verify(mixed)


def test_above_ten_dimensions_random_points_must_be_located() -> None:
    import dataclasses

    found = partition(seeded("12x6x4_s0"), cube(12))
    said = verify(found)
    assert said.volume_error is None
    assert said.coverage is not None
    assert said.coverage > 0.99
    with pytest.raises(DomainError, match="up to 10 dimensions"):
        _ = found.volumes
    A, b = found[0].halfspaces
    assert (A @ found[0].interior_point < b).all()
    half = len(found) // 2
    fewer = dataclasses.replace(
        found,
        patterns=found.patterns[:half],
        centers=found.centers[:half],
        radii=found.radii[:half],
    )
    with pytest.raises(VerificationError, match="random points of the domain lie in none"):
        verify(fewer)
