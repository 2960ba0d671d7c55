"""Lower bounds of distances are bounds, and come in order."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.regions.networks import mlp

from affidavit.regions import Box, partition
from affidavit.regions.distances import box_distances, by_distance, halfspace_distances


@pytest.mark.parametrize("norm", [1.0, 2.0, np.inf])
def test_no_sample_of_a_region_is_nearer_than_its_bounds(norm: float) -> None:
    found = partition(mlp([3, 12, 8, 3], 1), Box(-2 * np.ones(3), 2 * np.ones(3)))
    generator = np.random.default_rng(0)
    t0, steps = np.array([0.1, -0.3, 0.4]), np.array([1.0, 3.0, 0.5])
    t = generator.uniform(-1, 1, (50_000, 3))
    sampled = np.full(len(found), np.inf)
    np.minimum.at(sampled, found.find(t), np.linalg.norm(steps * (t - t0), norm, axis=1))
    index = np.arange(len(found))
    boxes = box_distances(found, t0, steps, norm)
    planes = halfspace_distances(found, index, t0, steps, norm)
    assert (boxes <= sampled).all()
    assert (planes <= sampled).all()
    assert (np.maximum(boxes, planes) > 0.5 * sampled).mean() > 0.5
    bare = dataclasses.replace(found, shapes=())
    for chosen in (found, bare):
        bounds, order = zip(*by_distance(chosen, index, t0, steps, norm), strict=True)
        assert sorted(order) == index.tolist()
        assert list(bounds) == sorted(bounds)
        assert (np.array(bounds) <= sampled[list(order)]).all()
