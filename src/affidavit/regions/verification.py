"""Checks of a partition against itself and against the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affidavit.errors import VerificationError
from affidavit.regions.domain import Array
from affidavit.regions.polytope import MOST
from affidavit.regions.result import Partition
from affidavit.statistics import binomial_lower

VOLUME = 1e-6
"""Share of the domain's volume by which the sum of the regions' volumes may differ from it."""

MAP = 1e-9
"""Share of the outputs' scale by which an affine map may differ from the network."""

_MAPS = 4096
_SAMPLES = 4096
_POLYTOPES = 512


@dataclass(frozen=True)
class Verification:
    """What was checked, and how closely it held.

    Attributes:
        regions: regions whose pattern was found again at a second point inside.
        map_error: largest difference between an affine map and the network, at a point inside
            other than the one it was read off, as a share of the outputs' scale.
        maps: regions on which that was measured.
        volume_error: difference between the sum of volumes and the domain's, as a share of it;
            None where volumes were not computed.
        coverage: where volumes were not computed, a lower bound at 99 % confidence on the share of
            the domain that the regions cover, from random points; else None.
        closed: whether each facet has exactly one other region or the domain's boundary behind
            it; None where it was not checked.
    """

    regions: int
    map_error: float
    maps: int
    volume_error: float | None
    coverage: float | None
    closed: bool | None = None


def verify(partition: Partition, *, closure: bool = False, seed: int = 0) -> Verification:
    """Checks that regions do not overlap, that they cover the domain, and their affine maps.

    Patterns are distinct, so regions cannot overlap; each is found again at a random point of the
    ball that it is said to hold. The volumes of a complete partition sum to the domain's, up to 10
    dimensions; where an engine made no cells for many regions, and above, random points must all
    be located instead. Affine maps are compared with the network.

    Args:
        closure: also check that every facet has another region, or the domain's boundary, behind
            it: completeness without volumes. One search for each facet.

    Raises:
        VerificationError: a check failed; the message has the numbers.
    """
    if partition.complete and not len(partition):
        raise VerificationError("the partition is said to be complete and has no region")
    generator = np.random.default_rng(seed)
    k = partition.frame.dimensions
    step = generator.standard_normal((len(partition), k))
    step /= np.maximum(np.linalg.norm(step, axis=1), 1e-300)[:, None]
    inside = partition.centers + step * (partition.radii / 2)[:, None]
    found = partition.find(inside)
    wrong = np.flatnonzero(found != np.arange(len(partition)))
    # Closer to a border than rounding reaches, a pattern may come out as a neighbour's.
    wrong = wrong[partition.radii[wrong] > 1e-8]
    if len(wrong):
        raise VerificationError(
            f"region {wrong[0]} is not found at a point of its own ball ({len(wrong)} regions):"
            " the network's arithmetic is too coarse for this region of inputs"
        )
    error, maps = _map_error(partition, inside, generator)
    volume, coverage = None, None
    if partition.complete:
        if k <= MOST and (partition.shapes or len(partition) <= _POLYTOPES):
            volume = _volume_error(partition)
        else:
            coverage = _coverage(partition, generator)
    closed = _closed(partition) if closure else None
    return Verification(len(partition), error, maps, volume, coverage, closed)


def _map_error(
    partition: Partition, inside: Array, generator: np.random.Generator
) -> tuple[float, int]:
    count = min(_MAPS, len(partition))
    chosen = np.sort(generator.choice(len(partition), count, replace=False))
    if not count:
        return 0.0, 0
    weights, biases = partition.maps(chosen)
    x = partition.frame.embed(inside[chosen])
    predicted = np.einsum("rof,rf->ro", weights, x) + biases
    actual = partition.network.value(inside[chosen])
    # Terms of both signs may cancel: rounding is measured against their size.
    scale = np.abs(actual).max() + np.einsum("rof,rf->ro", np.abs(weights), np.abs(x)).max()
    error = float(np.abs(predicted - actual).max() / max(scale, 1e-300))
    if not error <= MAP:
        raise VerificationError(
            f"an affine map differs from the network by {error:.1e} of its scale, more than {MAP:g}"
        )
    return error, count


def _volume_error(partition: Partition) -> float:
    total = float(partition.volumes.sum())
    error = abs(total - partition.domain_volume) / partition.domain_volume
    if not error <= VOLUME:
        raise VerificationError(
            f"the volumes of {len(partition):,} regions sum to {total:.9g}, the domain's is"
            f" {partition.domain_volume:.9g}: they differ by {error:.1e} of it, more than"
            f" {VOLUME:g}. Try engine = 'lp'"
        )
    return error


def _coverage(partition: Partition, generator: np.random.Generator) -> float:
    t = sample(partition, _SAMPLES, generator)
    found = partition.locate(partition.frame.to_user(t))
    missed = int((found < 0).sum())
    if missed:
        raise VerificationError(
            f"{missed} of {len(t)} random points of the domain lie in none of the"
            f" {len(partition):,} regions"
        )
    return binomial_lower(len(t), len(t), 0.99)


def sample(partition: Partition, count: int, generator: np.random.Generator) -> Array:
    """Points of the domain, uniform in a cube, elsewhere by hit and run; frame's coordinates."""
    frame = partition.frame
    k = frame.dimensions
    if not len(frame.b):
        return generator.uniform(-1, 1, (count, k))
    rows = np.r_[np.eye(k), -np.eye(k), frame.A]
    bounds = np.r_[np.ones(2 * k), frame.b]
    points = np.empty((count, k))
    here = partition.centers[0].copy()
    for i in range(count):
        for _ in range(2 * k):
            direction = generator.standard_normal(k)
            speed, slack = rows @ direction, np.maximum(bounds - rows @ here, 0)
            with np.errstate(divide="ignore", invalid="ignore"):
                reach = slack / speed
            high = reach[speed > 0].min(initial=np.inf)
            low = reach[speed < 0].max(initial=-np.inf)
            here = here + direction * generator.uniform(low, high)
        points[i] = here
    return points


def _closed(partition: Partition) -> bool:
    from affidavit.regions.neighbours import open_facets

    lost = open_facets(partition)
    if lost:
        raise VerificationError(
            f"{lost} facets of regions have neither another region nor the domain's boundary behind"
        )
    return True
