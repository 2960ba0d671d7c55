"""Whether a class is ever, or always, decided for in a domain: with a witness.

Regions answer while they can be enumerated; a domain with too many is searched by mixed-integer
programming, and the answer says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from torch import nn

from affidavit.errors import DomainError
from affidavit.graph import Graph
from affidavit.regions import answers, targets
from affidavit.regions.conditions import graph_and_domain
from affidavit.regions.domain import Array, Domain
from affidavit.regions.enumeration import on, partition
from affidavit.regions.network import REFINEMENT, Network
from affidavit.regions.result import Partition
from affidavit.regions.work import Limits

Method: TypeAlias = Literal["auto", "enumeration", "milp"]

ENUMERABLE = 9
"""Dimensions up to which `auto` enumerates."""

PATIENCE = Limits(regions=2_000_000, seconds=60.0)
"""How far `auto` enumerates before it turns to the program."""

TIE = 1e-7
"""Leads below this share of the outputs' size count as ties by the program."""


@dataclass(frozen=True, eq=False)
class Decided:
    """The answer to a question about a class.

    Attributes:
        holds: whether it is so; None where neither a proof nor a witness was found in time.
        witness: a whole input, flat: for `ever` one of the class, for `always` one of another.
        outputs: of the network there, without its head, [output].
        decision: the class there, by running the network.
        region: index of the witness's region in `partition`, where there is one.
        partition: what was enumerated.
        method: `enumeration` or `milp`.
        bound: by `milp`, what was proved of the class's lead over the others everywhere: for
            `ever` an upper bound of its greatest lead where it is never chosen, for `always` a
            lower bound of its least lead. None by enumeration, and where nothing was proved.
    """

    holds: bool | None
    witness: Array | None
    outputs: Array | None
    decision: int | None
    region: int | None
    partition: Partition | None
    method: Literal["enumeration", "milp"]
    bound: float | None


def ever(
    model: Graph | nn.Module | Partition,
    cls: int,
    domain: Domain | None = None,
    *,
    method: Method = "auto",
    limits: Limits | None = None,
    seconds: float | None = None,
) -> Decided:
    """Whether a class is decided for anywhere in a domain.

    Regions are sets with volume: a class that is decided for only on a set without volume counts as
    never chosen, and so does one that at best ties with a class of a lower index (ties go to the
    lowest). By `milp`, leads below 1e-7 of the outputs' size count as ties.

    Guarantee: exact where `holds` is not None. Source: Continuous Exact Explanations, equation 5.

    Args:
        model: a graph or module, with a domain; or a partition refined by `decision` or `ranking`.
        cls: the class; of a single output, 1 where its logit is above zero, else 0.
        domain: where to look.
        method: `enumeration`, `milp`, or `auto`: enumeration up to 9 dimensions and within limits,
            the program where these were hit before a witness was found.
        limits: of the enumeration; two million regions and a minute unless given.
        seconds: time for the program; none unless given.

    Raises:
        DomainError: no such class, no domain, or a partition that does not tell decisions apart.
    """
    return _ask(model, cls, domain, method, limits, seconds, always=False)


def always(
    model: Graph | nn.Module | Partition,
    cls: int,
    domain: Domain | None = None,
    *,
    method: Method = "auto",
    limits: Limits | None = None,
    seconds: float | None = None,
) -> Decided:
    """Whether a class is decided for everywhere in a domain, but for sets without volume.

    Guarantee, arguments, errors: as `ever`; the witness is an input of another class.
    """
    return _ask(model, cls, domain, method, limits, seconds, always=True)


def _ask(
    model: Graph | nn.Module | Partition,
    cls: int,
    domain: Domain | None,
    method: Method,
    limits: Limits | None,
    seconds: float | None,
    *,
    always: bool,
) -> Decided:
    if method not in ("auto", "enumeration", "milp"):
        raise DomainError(f"method = {method!r}: expected 'auto', 'enumeration' or 'milp'")
    graph, region = graph_and_domain(model, domain)
    if isinstance(model, Partition):
        found: Partition | None = model
        network = model.network
        answers.decision(model)
    else:
        found, network = None, on(graph, region, "decision")
    cls = targets.number(cls, targets.classes(network), "class")
    if found is None and (
        method == "enumeration" or (method == "auto" and network.frame.dimensions <= ENUMERABLE)
    ):
        found = partition(graph, region, refine="decision", limits=limits or PATIENCE)
    if found is not None and method != "milp":
        answer = _by_regions(found, cls, always)
        if answer.holds is not None or method == "enumeration":
            return answer
    by_program = _always_by_program if always else _ever_by_program
    return by_program(on(graph, region, "decision"), cls, seconds)


def _by_regions(found: Partition, cls: int, always: bool) -> Decided:
    chosen = answers.decision(found)
    fitting = np.flatnonzero((chosen != cls) if always else (chosen == cls))
    if not len(fitting):
        known = always if found.complete and len(found) else None
        return Decided(known, None, None, None, None, found, "enumeration", None)
    # The roomiest region: its witness is the clearest.
    region = int(fitting[np.argmax(found.radii[fitting])])
    t = found.centers[region][None]
    outputs = found.network.value(t)
    decision = int(targets.decide(outputs)[0])
    witness = found.frame.embed(t)[0]
    return Decided(not always, witness, outputs[0], decision, region, found, "enumeration", None)


def leads(network: Network, cls: int) -> Array:
    """Rows over the outputs, one a rival: by how much the class leads over each."""
    outputs = network.outputs
    if outputs == 1:
        return np.array([[1.0 if cls else -1.0]])
    rows = -np.eye(outputs)
    rows[:, cls] += 1
    result: Array = np.delete(rows, cls, 0)
    return result


def _always_by_program(network: Network, cls: int, seconds: float | None) -> Decided:
    """Each rival's greatest lead over the class: above zero it is decided for instead."""
    from affidavit.regions import milp_questions

    rivals = [other for other in range(targets.classes(network)) if other != cls]
    tie = TIE * _size(network)
    bounds, open_ = [], False
    for rival, row in zip(rivals, leads(network, cls), strict=True):
        found = milp_questions.maximize(network, -row, seconds=seconds)
        bounds.append(found.bound)
        if found.t is not None:
            witness = _near(network, found.t, cls, equal=False)
            if witness is not None:
                return _witnessed(network, witness, cls, False)
        # A tie is lost to a rival of a lower index, but perhaps on a set without volume only.
        open_ |= found.bound > (tie if rival > cls else -tie)
    return Decided(None if open_ else True, None, None, None, None, None, "milp", -max(bounds))


def _ever_by_program(network: Network, cls: int, seconds: float | None) -> Decided:
    """A point where the class leads over all rivals by more than a tie, or wins its ties."""
    from affidavit.regions import milp_questions

    rows = leads(network, cls)
    tie = TIE * _size(network)
    # Ties with rivals of a higher index are won.
    lower = np.arange(len(rows)) < cls
    for margin in (np.full(len(rows), tie), np.where(lower, tie, 0.0)):
        found = milp_questions.exists(network, -rows, -margin, seconds=seconds)
        if found.t is not None:
            witness = _near(network, found.t, cls, equal=True)
            if witness is not None:
                return _witnessed(network, witness, cls, True)
        elif not found.decided:
            break
    else:
        if found.t is None:
            return Decided(False, None, None, None, None, None, "milp", tie)
    return Decided(None, None, None, None, None, None, "milp", None)


def _near(network: Network, t: Array, cls: int, *, equal: bool) -> Array | None:
    """The point, or one next to it, in a region where the class is, or is not, decided for.

    A random point next to it lies in no set without volume.
    """
    generator = np.random.default_rng(0)
    sizes = np.repeat([1e-9, 1e-8, 1e-7], 16)
    points = t + sizes[:, None] * generator.uniform(-1, 1, (len(sizes), len(t)))
    points = np.clip(points, -1, 1)
    frame = network.frame
    points = points[(points @ frame.A.T <= frame.b).all(1)]
    if not len(points):
        return None
    states = network.unpack(network.states(points))[REFINEMENT][:, 0]
    fits = np.flatnonzero((states == cls) == equal)
    return points[fits[0]] if len(fits) else None


def _witnessed(network: Network, t: Array, cls: int, holds: bool) -> Decided:
    outputs = network.value(t[None])
    states = network.unpack(network.states(t[None]))[REFINEMENT]
    witness = network.frame.embed(t[None])[0]
    return Decided(holds, witness, outputs[0], int(states[0, 0]), None, None, "milp", None)


def _size(network: Network) -> float:
    """The outputs' size: the largest seen over corners and random points of the domain."""
    generator = np.random.default_rng(0)
    k = network.frame.dimensions
    t = np.r_[generator.uniform(-1, 1, (64, k)), generator.choice([-1.0, 1.0], (64, k))]
    return max(float(np.abs(network.value(t)).max()), 1e-300)
