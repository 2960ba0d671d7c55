"""Areas of one decision, and enclaves: areas that others surround."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from affidavit.errors import DomainError
from affidavit.regions import answers
from affidavit.regions.domain import Array
from affidavit.regions.facets import facets
from affidavit.regions.result import Partition


@dataclass(frozen=True, eq=False)
class Area:
    """A connected set of regions of one decision.

    Attributes:
        decision: the class.
        regions: indices, ascending.
        volume: in user coordinates.
        witness: a whole input inside, flat: the centre of its largest known ball.
        on_boundary: whether it reaches the domain's boundary with a facet.
        beside: classes of all areas that it borders on.
        surrounding: for an area off the boundary, the classes of those it borders on from inside;
            areas that it encloses itself do not count.
    """

    decision: int
    regions: np.ndarray
    volume: float
    witness: Array
    on_boundary: bool
    beside: tuple[int, ...]
    surrounding: tuple[int, ...]


def decision_areas(partition: Partition) -> tuple[Area, ...]:
    """The connected areas of each decision, the largest first.

    Regions are connected through facets, not through corners alone.

    Guarantee: exact. Source: Continuous Exact Explanations, section IV-C (irregular behavior).

    Args:
        partition: complete, refined by `decision` or `ranking`, with cells.

    Raises:
        DomainError: a partition that is incomplete, tells no decisions apart or has no cells.
    """
    chosen = answers.decision(partition)
    if not partition.complete:
        raise DomainError(
            f"areas need all regions, and the partition is incomplete: {partition.reason}"
        )
    if not partition.shapes:
        raise DomainError(
            f"areas need the regions' cells, which engine {partition.engine!r} does not keep: ask"
            " for partition(..., engine='skeleton')"
        )
    # Without the slivers by which displaced hyperplanes join what meets in a corner only.
    real = {facet.regions for facet in facets(partition, partition.neighbours)}
    pairs = np.array(sorted(real), np.int64).reshape(-1, 2)
    same = chosen[pairs[:, 0]] == chosen[pairs[:, 1]]
    count, label = _components(len(partition), pairs[same])
    borders = np.unique(np.sort(label[pairs[~same]], axis=1), axis=0)
    outside = np.zeros(count, bool)
    outside[label[_on_boundary(partition)]] = True
    areas = []
    for number in range(count):
        regions = np.flatnonzero(label == number)
        beside = np.unique(borders[(borders == number).any(1)])
        beside = beside[beside != number]
        inner = beside[_open_without(number, borders, outside)[beside]]
        roomiest = regions[int(partition.radii[regions].argmax())]
        classes_beside = sorted({int(chosen[label == other][0]) for other in beside})
        around = sorted({int(chosen[label == other][0]) for other in inner})
        areas.append(
            Area(
                int(chosen[regions[0]]),
                regions,
                float(partition.volumes[regions].sum()),
                partition.inputs(np.array([roomiest]))[0],
                bool(outside[number]),
                tuple(classes_beside),
                () if outside[number] else tuple(around),
            )
        )
    return tuple(sorted(areas, key=lambda area: -area.volume))


def enclaves(partition: Partition) -> tuple[Area, ...]:
    """The areas that do not reach the domain's boundary, the largest first.

    Guarantee, arguments, errors: as `decision_areas`. A decision surrounded by one other has a
    single class in `surrounding`.
    """
    return tuple(area for area in decision_areas(partition) if not area.on_boundary)


def _components(count: int, pairs: np.ndarray) -> tuple[int, np.ndarray]:
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (count, count))
    number, label = connected_components(links, directed=False)
    return int(number), label


def _open_without(number: int, borders: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Which areas still reach the boundary when one area is taken away."""
    kept = borders[(borders != number).all(1)]
    _, label = _components(len(outside), kept)
    reached = np.unique(label[outside & (np.arange(len(outside)) != number)])
    return np.isin(label, reached)


def _on_boundary(partition: Partition) -> np.ndarray:
    """Regions with a facet on the domain's boundary."""
    found = [shape.region[shape.boundary] for shape in partition.shapes]
    regions = np.unique(np.concatenate(found))
    return regions[regions >= 0]
