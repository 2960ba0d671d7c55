"""How much each feature weighs, in every region: slopes on a scale that features share.

Source: Continuous Exact Explanations, section IV-A (weights, ranking criterion) and section IV-B
(margins between outputs).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np

from affidavit.errors import DomainError
from affidavit.regions import answers, targets
from affidavit.regions.domain import Array
from affidavit.regions.result import Partition
from affidavit.regions.targets import Target

Scale: TypeAlias = Literal["range", "sigma", "none"]

DEVIATIONS = 6.0
"""Standard deviations that stand for the range of an unbounded feature beside bounded ones: the
paper's interval of mean ± kσ, with its smallest k, 3."""


def ranked(weights: Array) -> np.ndarray:
    """Rank of each entry along the last axis, 1 the largest by size; ties to the lower index."""
    order = np.argsort(-np.abs(weights), axis=-1, kind="stable")
    result = np.empty(order.shape, np.int64)
    np.put_along_axis(result, order, np.arange(1, order.shape[-1] + 1), -1)
    return result


@dataclass(frozen=True, eq=False)
class Weights:
    """Signed weights of the features in every region.

    In region r, output o changes by `values[r, o, f]` when feature f goes through its range (or by
    one standard deviation, or by 1: see `normalise`).

    Attributes:
        partition: the regions.
        values: [region, feature] of one target, [region, output, feature] of all.
        scale: what the slopes were multiplied by, [feature].
        normalise: how the scale was chosen.
    """

    partition: Partition
    values: Array
    scale: Array
    normalise: Scale

    @cached_property
    def ranks(self) -> np.ndarray:
        """Rank of each feature by the size of its weight, 1 the largest; ties to the lower index.

        Same shape as the values.
        """
        return ranked(self.values)

    @cached_property
    def totals(self) -> Array:
        """Mean size of the weights over the partition by volume, [feature] or [output, feature].

        `sum_r |values[r]| volume_r / sum_r volume_r`.

        Raises:
            DomainError: volumes cannot be had (more than 10 dimensions), or there are no regions.
        """
        return self._mean(np.abs(self.values))

    @cached_property
    def signed_totals(self) -> Array:
        """As `totals`, of the weights with their signs: the mean slope, scaled."""
        return self._mean(self.values)

    @cached_property
    def total_ranks(self) -> np.ndarray:
        """Rank of each feature by its total, as `ranks`."""
        return ranked(self.totals)

    def _mean(self, values: Array) -> Array:
        volumes = self.partition.volumes
        if not volumes.sum() > 0:
            raise DomainError("the partition has no regions: there is nothing to sum over")
        result: Array = np.tensordot(volumes / volumes.sum(), values, 1)
        return result


def weights(
    partition: Partition,
    *,
    output: Target | Literal["decision", "margin"] = None,
    normalise: Scale = "range",
    sigma: Any = None,
    ranges: Any = None,
    value: str | None = None,
) -> Weights:
    """Weights of all features in every region: `w (b - a)`, `w σ`, or the slopes `w` themselves.

    Guarantee: exact. Source: Continuous Exact Explanations, sections IV-A and IV-B.

    Args:
        partition: the regions.
        output: an output; (a, b), the margin of output a over output b; `all`; on a partition
            refined by `decision`, `decision` is the output of each region's class; on one refined
            by `ranking`, `margin` is the margin of each region's first output over its second.
            Unless given, the only output there is, or all.
        normalise: `range` multiplies by the width b - a of the feature's range, `sigma` by its
            standard deviation, `none` by 1.
        sigma: standard deviations, [feature].
        ranges: ranges [feature, 2]; those of the domain unless given, in which a feature that is
            held fixed has no width, and so no weight. Where a range is infinite, six standard
            deviations are taken.
        value: a value of the graph (by its node's name) in place of the output; its entries, flat,
            are the outputs then.

    Raises:
        DomainError: an output, scale or value that does not fit.
        ModelError: no value of that name.
    """
    scale = _scale(partition, normalise, sigma, ranges)
    slopes = partition.maps()[0] if value is None else _intermediate(partition, value)
    outputs = slopes.shape[1]
    if output is None:
        output = 0 if outputs == 1 else "all"
    if output in ("decision", "margin"):
        if value is not None:
            raise DomainError(f"output = {output!r} is about the output, not about {value!r}")
        values = _answered(partition, slopes, output)
    elif isinstance(output, str) and output != "all":
        raise DomainError(
            f"output = {output!r}: expected an output, a pair, 'all', 'decision' or 'margin'"
        )
    else:
        values = np.einsum("po,rof->rpf", targets.rows(output, outputs), slopes)
        if output != "all":
            values = values[:, 0]
    return Weights(partition, values * scale, scale, normalise)


def _answered(partition: Partition, slopes: Array, output: object) -> Array:
    """Slopes of each region's own class, or of its own margin."""
    index = np.arange(len(partition))
    if output == "margin":
        first, second = answers.ranking(partition)
        result: Array = slopes[index, first] - slopes[index, second]
        return result
    if partition.network.outputs == 1:
        raise DomainError("the network has one output: output = 0 is its logit")
    result = slopes[index, answers.decision(partition)]
    return result


def _intermediate(partition: Partition, value: str) -> Array:
    network = partition.network
    source = network.view.source
    source.require(value)
    if source.shapes[value][:1] != (-1,):
        raise DomainError(f"{value!r} does not depend on the input: it has no weights")
    return network.gradients(partition.centers, value)[0]


def _scale(partition: Partition, normalise: str, sigma: Any, ranges: Any) -> Array:
    features = len(partition.frame.base)
    deviations = None if sigma is None else _per_feature(sigma, (features,), "sigma")
    if deviations is not None and not (deviations >= 0).all():
        raise DomainError("sigma has an entry that is negative or NaN")
    if normalise == "none":
        return np.ones(features)
    if normalise == "sigma":
        if deviations is None:
            raise DomainError("normalise = 'sigma' needs sigma, a standard deviation per feature")
        if not np.isfinite(deviations).all():
            raise DomainError("sigma has an infinite entry")
        return deviations
    if normalise != "range":
        raise DomainError(f"normalise = {normalise!r}: expected 'range', 'sigma' or 'none'")
    if ranges is None:
        return targets.widths(partition.network)
    table = _per_feature(ranges, (features, 2), "ranges")
    if np.isnan(table).any() or (table[:, 0] > table[:, 1]).any():
        raise DomainError("ranges has an entry that is NaN, or a lower end above the upper one")
    wide = table[:, 1] - table[:, 0]
    open_ = ~np.isfinite(wide)
    if open_.any():
        if deviations is None:
            raise DomainError(
                f"feature {int(np.argmax(open_))} has an infinite range: give sigma, or bounds"
            )
        wide[open_] = DEVIATIONS * deviations[open_]
    return wide


def _per_feature(values: Any, shape: tuple[int, ...], what: str) -> Array:
    array = np.asarray(values, np.float64)
    if array.shape != shape:
        raise DomainError(f"{what} has the shape {list(array.shape)}; expected {list(shape)}")
    return array.copy()
