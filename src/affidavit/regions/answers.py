"""What a refined partition says of each region: its class, or its first and second output."""

from __future__ import annotations

import numpy as np
import torch

from affidavit.errors import DomainError
from affidavit.regions import targets
from affidavit.regions.network import Network
from affidavit.regions.result import Partition
from affidavit.regions.switches import Level, Ranking, Windows


def tells_decisions(network: Network) -> bool:
    """Whether the network's refinement tells its decisions apart."""
    refine, outputs = network.refine, network.outputs
    if isinstance(refine, Ranking):
        return refine.outputs == outputs
    if isinstance(refine, Level):
        # One output decides between two classes at zero.
        ones = torch.ones_like(refine.rows)
        return (
            outputs == 1
            and refine.units == 1
            and bool((refine.rows == ones).all())
            and not (bool(refine.bounds.any()))
        )
    return isinstance(refine, Windows) and refine.units == 1 and refine.levels == outputs


def decision(partition: Partition) -> np.ndarray:
    """The class of each region, int64, [region].

    Raises:
        DomainError: the partition does not tell decisions apart.
    """
    network = partition.network
    if not tells_decisions(network):
        raise DomainError(
            "the partition does not tell decisions apart: ask for partition(...,"
            " refine='decision') or refine='ranking'"
        )
    found: np.ndarray = np.asarray(partition.answers).reshape(len(partition), 1)[:, 0]
    ranked = isinstance(network.refine, Ranking)
    return found // network.outputs if ranked else found.astype(np.int64)


def ranking(partition: Partition) -> tuple[np.ndarray, np.ndarray]:
    """The first and the second output of each region.

    Raises:
        DomainError: the partition does not tell rankings apart.
    """
    if not isinstance(partition.network.refine, Ranking):
        raise DomainError(
            "the partition does not tell rankings apart: ask for partition(..., refine='ranking')"
        )
    found = np.asarray(partition.answers).reshape(len(partition), 1)[:, 0]
    return np.divmod(found, partition.network.outputs)


def regions_where(partition: Partition, *, top: int, second: int | None = None) -> np.ndarray:
    """The regions where a class is decided for, or where two outputs come first and second.

    Guarantee: exact on a complete partition. Source: Continuous Exact Explanations, equations 5
    and 6.

    Args:
        partition: refined by `decision`, or by `ranking` where `second` is given.
        top: a class; of a single output, 0 or 1 (its logit above zero).
        second: the output that comes next.

    Returns:
        Indices of regions, ascending.

    Raises:
        DomainError: no such class, or a partition not refined that way.
    """
    network = partition.network
    top = targets.number(top, targets.classes(network), "class")
    if second is None:
        return np.flatnonzero(decision(partition) == top)
    first, next_ = ranking(partition)
    second = targets.number(second, network.outputs, "class")
    if top == second:
        raise DomainError(f"class {top} cannot be first and second at once")
    return np.flatnonzero((first == top) & (next_ == second))
