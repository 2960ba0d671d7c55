"""Conditions on the outputs, and where in a domain they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import nn

from affidavit.errors import DomainError
from affidavit.graph import Graph
from affidavit.regions import targets
from affidavit.regions.domain import Array, Domain
from affidavit.regions.enumeration import as_graph, partition
from affidavit.regions.network import strip_head
from affidavit.regions.result import Partition
from affidavit.regions.switches import Level
from affidavit.regions.work import Limits


@dataclass(frozen=True)
class Condition:
    """`sum_i coefficients[i] * y[outputs[i]] + constant > 0`, of outputs y before the head.

    Attributes:
        outputs, coefficients: the sum's terms.
        constant: added to it.
    """

    outputs: tuple[int, ...]
    coefficients: tuple[float, ...]
    constant: float

    def row(self, outputs: int) -> Array:
        """The coefficients of all outputs, [output].

        Raises:
            DomainError: an output that the network does not have, or a constant that is NaN.
        """
        if not np.isfinite([*self.coefficients, self.constant]).all():
            raise DomainError("a condition on the outputs has a bound that is NaN or infinite")
        result = np.zeros(outputs)
        for output, coefficient in zip(self.outputs, self.coefficients, strict=True):
            result[targets.number(output, outputs)] += coefficient
        return result


def above(output: int, bound: float) -> Condition:
    """That an output lies above a bound."""
    return Condition((output,), (1.0,), -float(bound))


def below(output: int, bound: float) -> Condition:
    """That an output lies below a bound."""
    return Condition((output,), (-1.0,), float(bound))


def exceeds(a: int, b: int, by: float = 0.0) -> Condition:
    """That output a is larger than output b, by more than `by`."""
    if a == b:
        raise DomainError(f"output {a} cannot exceed itself")
    return Condition((a, b), (1.0, -1.0), -float(by))


@dataclass(frozen=True, eq=False)
class Where:
    """Where conditions hold.

    Attributes:
        partition: of the domain, its regions cut where a condition begins to hold.
        conditions: all of them hold in the chosen regions.
        regions: indices of these regions, ascending.
        complete: whether the whole domain was gone through.
    """

    partition: Partition
    conditions: tuple[Condition, ...]
    regions: np.ndarray
    complete: bool

    @cached_property
    def volume(self) -> float:
        """Of the chosen regions together, in user coordinates.

        Raises:
            DomainError: more than 10 dimensions.
        """
        return float(self.partition.volumes[self.regions].sum())

    @cached_property
    def share(self) -> float:
        """Of the domain's volume, from 0 to 1."""
        return self.volume / self.partition.domain_volume

    def __len__(self) -> int:
        return len(self.regions)


def where(
    model: Graph | nn.Module | Partition,
    conditions: Condition | Sequence[Condition],
    domain: Domain | None = None,
    *,
    limits: Limits | None = None,
) -> Where:
    """The regions in which conditions on the outputs hold, cut out exactly.

    Guarantee: exact on a complete partition. A condition that holds on a set without volume only
    has no region. Source: Continuous Exact Explanations, section IV-B.

    Args:
        model: a graph or module, with a domain; or a partition, whose network and domain are taken.
        conditions: one, or several that are to hold together.
        domain: where to look.
        limits: as for `partition`.

    Raises:
        DomainError: no condition, an output that does not exist, no domain.
    """
    asked = (conditions,) if isinstance(conditions, Condition) else tuple(conditions)
    if not asked:
        raise DomainError("where needs a condition, for example above(0, 1.5)")
    graph, region = graph_and_domain(model, domain)
    stripped, _ = strip_head(graph)
    outputs = abs(int(np.prod(stripped.shapes[stripped.output])))
    rows = np.stack([condition.row(outputs) for condition in asked], 1)
    constants = np.array([condition.constant for condition in asked])
    level = Level(torch.from_numpy(rows), torch.from_numpy(constants))
    found = partition(graph, region, refine=level, limits=limits)
    holds = np.asarray(found.answers).reshape(len(found), len(asked)) == 1
    return Where(found, asked, np.flatnonzero(holds.all(1)), found.complete)


def graph_and_domain(
    model: Graph | nn.Module | Partition, domain: Domain | None
) -> tuple[Graph, Domain]:
    """What a question is about: the model's graph and the domain, or those of a partition.

    Raises:
        DomainError: a model without a domain, or a partition with another.
    """
    if isinstance(model, Partition):
        if domain is not None:
            raise DomainError("a partition has its domain: give a model to ask about another one")
        return model.network.graph, model.domain
    if domain is None:
        raise DomainError("a question about a model needs a domain, for example regions.Box")
    return as_graph(model, domain), domain
