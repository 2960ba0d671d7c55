"""Weights and ranks of features in regions, as maps show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from affidavit.errors import DomainError, nearest
from affidavit.regions import answers, targets
from affidavit.regions.domain import Array
from affidavit.regions.result import Partition

Output: TypeAlias = int | tuple[int, int]
"""An output, or a pair (a, b) for how far a is above b."""


def widths(partition: Partition, ranges: Any = None) -> Array:
    """`b - a` of each feature, [feature]: what a slope is multiplied by to be a weight.

    Args:
        ranges: lower and upper bounds of all features; by default the domain's own, in which
            features held fixed have none and weigh nothing.

    Raises:
        DomainError: bounds that do not fit or are crossed.
    """
    frame = partition.frame
    if ranges is None:
        result = np.zeros(len(frame.base))
        result[frame.free] = 2 * frame.half
        return result
    lower, upper = (np.asarray(bound, np.float64).reshape(-1) for bound in ranges)
    if not len(lower) == len(upper) == len(frame.base):
        raise DomainError(
            f"ranges: expected lower and upper bounds of {len(frame.base)} features, got"
            f" {len(lower)} and {len(upper)}"
        )
    wide: Array = upper - lower
    if not (np.isfinite(wide).all() and (wide >= 0).all()):
        raise DomainError("ranges: expected finite bounds, the lower ones not above the upper")
    return wide


def weights(
    partition: Partition,
    output: Output | None,
    ranges: Any = None,
    index: np.ndarray | slice = slice(None),
) -> Array:
    """Signed weights `w (b - a)` of regions, [region, feature]. Exact.

    Source: Dethise and Canini, section IV-A.

    Args:
        output: see :data:`Output`; None for the output each region decides for.
    """
    slopes, _ = affine(partition, output, index)
    result: Array = slopes * widths(partition, ranges)
    return result


def affine(
    partition: Partition, output: Output | None, index: np.ndarray | slice = slice(None)
) -> tuple[Array, Array]:
    """Slopes [region, feature] and offsets [region] of one output in regions.

    Raises:
        DomainError: an output that does not exist, or None without a decision.
    """
    slopes, offsets = partition.maps(index)
    count = slopes.shape[1]
    if output is None:
        chosen = decisions(partition)[index] if count > 1 else np.zeros(len(slopes), np.int64)
        rows = np.arange(len(slopes))
        return slopes[rows, chosen], offsets[rows, chosen]
    pair = output if isinstance(output, tuple) else (output,)
    for number in pair:
        if not 0 <= number < count:
            raise DomainError(f"output {number}: the network has the outputs 0 to {count - 1}")
    if len(pair) == 1:
        return slopes[:, pair[0]], offsets[:, pair[0]]
    a, b = pair
    return slopes[:, a] - slopes[:, b], offsets[:, a] - offsets[:, b]


def decisions(partition: Partition) -> np.ndarray:
    """The class of each region, [region].

    Raises:
        DomainError: the partition does not tell decisions apart.
    """
    return answers.decision(partition)


def outputs_told_apart(partition: Partition) -> int | None:
    """The number of classes of a partition that tells decisions apart; None of any other."""
    network = partition.network
    return targets.classes(network) if answers.tells_decisions(network) else None


def outputs_of(partition: Partition) -> int:
    """The number of outputs of the network."""
    graph = partition.network.graph
    return abs(int(np.prod(graph.shapes[graph.output])))


def feature_names(partition: Partition, names: Sequence[str] | None) -> tuple[str, ...]:
    """A name for each feature: those given, the model's own, or `feature i`.

    Raises:
        DomainError: another number of names than features.
    """
    count = len(partition.frame.base)
    found = tuple(partition.network.graph.input_names if names is None else map(str, names))
    if not found:
        return tuple(f"feature {index}" for index in range(count))
    if len(found) != count:
        raise DomainError(f"{len(found)} names for {count} features")
    return found


def class_names(partition: Partition, names: Sequence[str] | None) -> tuple[str, ...]:
    """A name for each class: those given, or `class i`.

    Raises:
        DomainError: another number of names than classes.
    """
    count = outputs_told_apart(partition) or outputs_of(partition)
    if names is None:
        return tuple(f"class {index}" for index in range(count))
    if len(names) != count:
        raise DomainError(f"{len(names)} names for {count} classes")
    return tuple(map(str, names))


def feature_index(feature: int | str, names: Sequence[str]) -> int:
    """The index of a feature given by index or name.

    Raises:
        DomainError: there is no such feature.
    """
    if isinstance(feature, str):
        if feature not in names:
            raise DomainError(f"no feature is called {feature!r}{nearest(feature, names)}")
        return list(names).index(feature)
    if not 0 <= feature < len(names):
        raise DomainError(f"feature {feature}: the network has the features 0 to {len(names) - 1}")
    return int(feature)
