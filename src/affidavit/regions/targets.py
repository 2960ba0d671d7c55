"""Which number an explanation is about: an output, a margin between two, or all outputs."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from affidavit.errors import DomainError
from affidavit.regions.domain import Array
from affidavit.regions.network import Network

Target: TypeAlias = int | tuple[int, int] | Literal["all"] | None
"""An output, the margin (a, b) of output a over output b, or all; None where there is only one."""


def rows(target: Target, outputs: int) -> Array:
    """The target as linear functions of the outputs: values are `rows @ y`, shape [row, output].

    Raises:
        DomainError: no such output, a margin of an output over itself, or None with many outputs.
    """
    if target == "all":
        return np.eye(outputs)
    if target is None:
        if outputs != 1:
            raise DomainError(
                f"the network has {outputs} outputs: name one (output = 0), a margin"
                " (output = (0, 1)) or 'all'"
            )
        return np.ones((1, 1))
    row = np.zeros((1, outputs))
    if isinstance(target, tuple):
        if len(target) != 2 or target[0] == target[1]:
            raise DomainError(f"a margin is between two different outputs, not {target}")
        row[0, number(target[0], outputs)] = 1
        row[0, number(target[1], outputs)] = -1
    else:
        row[0, number(target, outputs)] = 1
    return row


def row(target: Target, outputs: int) -> Array:
    """As `rows`, of a target that is a single number: shape [output].

    Raises:
        DomainError: as `rows`, and for 'all' where there are many outputs.
    """
    found = rows(target, outputs)
    if len(found) > 1:
        raise DomainError("'all' is more than one number: name an output or a margin")
    result: Array = found[0]
    return result


def number(output: object, outputs: int, what: str = "output") -> int:
    """An output's number, checked.

    Raises:
        DomainError: it is no number, or there is no such output.
    """
    if isinstance(output, bool) or not isinstance(output, int | np.integer):
        raise DomainError(f"{output!r} is no {what}: expected a number from 0 to {outputs - 1}")
    if not 0 <= output < outputs:
        raise DomainError(f"there is no {what} {output}: the network has 0 to {outputs - 1}")
    return int(output)


def free_place(network: Network, feature: object) -> int:
    """Where a feature that varies stands among those of the frame.

    Raises:
        DomainError: no such feature, or one that the domain holds fixed.
    """
    index = number(feature, len(network.frame.base), "feature")
    place = np.flatnonzero(network.frame.free == index)
    if not len(place):
        raise DomainError(
            f"feature {index} is held fixed in this region: give it some width to ask about it"
        )
    return int(place[0])


def widths(network: Network) -> Array:
    """Width of each feature's range in the domain, zero where it is held fixed, [feature]."""
    frame = network.frame
    result = np.zeros(len(frame.base))
    result[frame.free] = 2 * frame.half
    return result


def classes(network: Network) -> int:
    """Number of classes that a network decides between: one output decides between two."""
    return max(2, network.outputs)


def decide(y: Array) -> np.ndarray:
    """The class of outputs, [batch, output]: the first largest; of one output, 1 above zero."""
    return (y[:, 0] > 0).astype(np.int64) if y.shape[1] == 1 else y.argmax(1)
