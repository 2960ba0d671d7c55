"""How much of a domain each class gets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affidavit.errors import DomainError
from affidavit.regions import answers, targets
from affidavit.regions.domain import Array
from affidavit.regions.result import Partition


@dataclass(frozen=True, eq=False)
class ClassShares:
    """The volume of the domain on which each class is decided for.

    Attributes:
        volumes: in user coordinates, [class].
        shares: of the domain's volume, [class]; they sum to 1 when complete.
        regions: number of regions of each class, [class].
        complete: whether all regions are known. If not, shares are lower bounds.
    """

    volumes: Array
    shares: Array
    regions: np.ndarray
    complete: bool


def class_shares(partition: Partition) -> ClassShares:
    """The exact share of the domain's volume that each class gets.

    Guarantee: exact on a complete partition; a class that only ties with one of a lower index, or
    wins on a set without volume, has none.

    Args:
        partition: refined by `decision` or `ranking`.

    Raises:
        DomainError: a partition that does not tell decisions apart, or of more than 10 dimensions.
    """
    count = targets.classes(partition.network)
    chosen = answers.decision(partition)
    volumes: Array = np.bincount(chosen, partition.volumes, count).astype(np.float64)
    whole = partition.domain_volume
    if not whole > 0:
        raise DomainError("the domain has no volume in double precision: rescale its features")
    return ClassShares(
        volumes, volumes / whole, np.bincount(chosen, minlength=count), partition.complete
    )
