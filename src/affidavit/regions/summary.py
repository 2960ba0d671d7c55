"""What a partition says at a glance: how many regions, who decides where, which features weigh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from affidavit.errors import DomainError
from affidavit.regions.answers import tells_decisions
from affidavit.regions.feature_weights import weights
from affidavit.regions.gradient_norms import largest_gradient
from affidavit.regions.pictures.weights import class_names, feature_names
from affidavit.regions.polytope import MOST
from affidavit.regions.result import Partition
from affidavit.regions.shares import class_shares
from affidavit.regions.verification import Verification


@dataclass(frozen=True)
class ClassShare:
    """A class, the share of the domain's volume on which it is decided for, and its regions."""

    name: str
    share: float
    regions: int


@dataclass(frozen=True)
class FeatureTotal:
    """A feature and its total weight: the mean of |weight| by volume."""

    name: str
    total: float


@dataclass(frozen=True)
class Summary:
    """See `summarise`.

    Attributes:
        regions, engine, complete, reason, decided, seconds: as of the partition.
        features: names of the features that vary.
        classes: of a partition that tells decisions apart, and with volumes; else empty.
        totals: features by total weight, the heaviest first; empty without volumes.
        of: whose weights: `decision`, or the number of an output.
        largest_gradient: Euclidean Lipschitz constant of that output on the domain, or of all
            outputs together where weights are of the decision.
        gradient_at: a whole input where it is attained.
        verification: what was checked; None if nothing was.
    """

    regions: int
    engine: str
    complete: bool
    reason: str
    decided: float
    seconds: float
    features: tuple[str, ...]
    classes: tuple[ClassShare, ...]
    totals: tuple[FeatureTotal, ...]
    of: str
    largest_gradient: float
    gradient_at: tuple[float, ...]
    verification: Verification | None

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers."""
        return asdict(self)


def summarise(
    partition: Partition,
    *,
    output: int | None = None,
    ranges: Any = None,
    names: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    verification: Verification | None = None,
) -> Summary:
    """The summary of a partition. Exact where it is complete.

    Args:
        output: whose weights; by default those of the output that each region decides for, or of
            the first output without decisions.
        ranges: lower and upper bounds of all features, by which slopes become weights.
        names, classes: names of all features and of the classes.
        verification: what `verify` found.

    Raises:
        DomainError: no regions; names, ranges or an output that do not fit.
    """
    if not len(partition):
        raise DomainError("no region was found before the limit: there is nothing to tell")
    titles = feature_names(partition, names)
    network = partition.network
    told = tells_decisions(network)
    measured = partition.frame.dimensions <= MOST
    by_class: tuple[ClassShare, ...] = ()
    if told and measured:
        found = class_shares(partition)
        kinds = class_names(partition, classes)
        by_class = tuple(
            ClassShare(kind, float(share), int(count))
            for kind, share, count in zip(kinds, found.shares, found.regions, strict=True)
        )
    decided = output is None and told and network.outputs > 1
    chosen = 0 if output is None else output
    bounds = None if ranges is None else np.stack([np.ravel(bound) for bound in ranges], 1)
    weighed = weights(partition, output="decision" if decided else chosen, ranges=bounds)
    totals: tuple[FeatureTotal, ...] = ()
    if measured:
        order = np.argsort(-weighed.totals, kind="stable")
        totals = tuple(FeatureTotal(titles[f], float(weighed.totals[f])) for f in order)
    steepest = largest_gradient(partition, "all" if decided else chosen)
    return Summary(
        regions=len(partition),
        engine=partition.engine,
        complete=partition.complete,
        reason=partition.reason,
        decided=partition.decided,
        seconds=partition.seconds,
        features=tuple(titles[f] for f in partition.frame.free),
        classes=by_class,
        totals=totals,
        of="decision" if decided else str(chosen),
        largest_gradient=steepest.value,
        gradient_at=tuple(steepest.witness.tolist()),
        verification=verification,
    )
