"""The nearest input with another decision, exactly: best-first over regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch import nn

from affidavit.errors import DomainError
from affidavit.graph import Graph
from affidavit.regions import answers, targets
from affidavit.regions.conditions import graph_and_domain
from affidavit.regions.decision_queries import ENUMERABLE, PATIENCE, Method, leads
from affidavit.regions.distances import by_distance
from affidavit.regions.domain import Array, Domain, chebyshev
from affidavit.regions.enumeration import on, partition
from affidavit.regions.gradient_norms import Norm, norm_number, scale_of
from affidavit.regions.network import Network
from affidavit.regions.polytope import normalised
from affidavit.regions.projection import nearest_point
from affidavit.regions.restriction import inside, slice_through
from affidavit.regions.result import Partition
from affidavit.regions.work import Limits

BEYOND = 1e-6
"""Share of the way from the nearest point into its region at which the decision is checked."""

FLAT = 1e-9
"""Regions without a ball of this radius, in the frame's coordinates, are not gone to."""


@dataclass(frozen=True, eq=False)
class NearestChange:
    """The nearest input with another decision.

    Attributes:
        distance: from x, in units of the scale; infinite where no input of the domain has it.
        input: the nearest whole input, flat: on the border, where both decisions tie.
        beyond: an input just behind the border, where the network decides otherwise.
        before, after: the class at x, and the class at `beyond`, by running the network.
        region: index in `partition` of the region behind the border.
        partition: what was searched.
        method: `enumeration` or `milp`.
        bound: no input with another decision is nearer than this.
        exact: whether the distance is proved to be the least: the bound meets it.
        verified: whether the network itself changes its decision at `beyond`, as asked.
    """

    distance: float
    input: Array | None
    beyond: Array | None
    before: int
    after: int | None
    region: int | None
    partition: Partition | None
    method: Literal["enumeration", "milp"]
    bound: float
    exact: bool
    verified: bool


def nearest_change(
    model: Graph | nn.Module | Partition,
    x: Any,
    domain: Domain | None = None,
    *,
    to: int | None = None,
    norm: Norm = 2,
    features: Sequence[int] | None = None,
    scale: Any = None,
    method: Method = "auto",
    limits: Limits | None = None,
    seconds: float | None = None,
) -> NearestChange:
    """The least change of an input, within a domain, that changes the decision.

    Regions are gone through in the order of a lower bound of their distance (of their bounding
    boxes, and of the farthest constraint that the input breaks); in each the nearest point is found
    by a linear program, or by least-distance programming for the 2-norm. Regions are sets with
    volume: a decision made on a set without volume does not count.

    Guarantee: exact where `exact` is True, to 1e-9 of the domain's widths; else `bound` is sound.
    Source: Continuous Exact Explanations, section IV-C (mapping decisions); the search is ours.

    Args:
        model: a graph or module, with a domain; or a partition (refined by `decision` unless only
            some features may change), whose network and domain are taken.
        x: an input in the domain: all features, flat or in the network's shape.
        domain: where to look.
        to: the class to be reached; any other than that of x unless given.
        norm: 1, 2 or inf: what the changes of features add up by.
        features: those that may change; all that vary in the domain unless given.
        scale: how large a change of each feature counts as 1, [feature]; 1 unless given.
        method: `enumeration`, `milp` (not for the 2-norm), or `auto`: enumeration up to 9 features
            and within limits, and the program beyond.
        limits: of the enumeration; two million regions and a minute unless given.
        seconds: time for the program.

    Raises:
        DomainError: x outside the domain; a class, feature, norm or scale that does not fit; `to`
            the class of x; the program asked for the 2-norm.
    """
    p = norm_number(norm)
    if method not in ("auto", "enumeration", "milp"):
        raise DomainError(f"method = {method!r}: expected 'auto', 'enumeration' or 'milp'")
    graph, region = graph_and_domain(model, domain)
    whole = model.network if isinstance(model, Partition) else on(graph, region, "decision")
    start = inside(whole, x)
    units = scale_of(scale, len(start))
    found = model if isinstance(model, Partition) else None
    network = whole
    if features is not None:
        region = slice_through(whole, start, features)
        network, found = on(graph, region, "decision"), None
    t0 = network.frame.from_user(start[network.frame.shown])
    before = int(targets.decide(network.value(t0[None]))[0])
    if to is not None and targets.number(to, targets.classes(network), "class") == before:
        raise DomainError(f"the input is of class {to} already")
    steps = network.frame.half / units[network.frame.free]
    if found is None and (
        method == "enumeration"
        or (method == "auto" and (network.frame.dimensions <= ENUMERABLE or p == 2))
    ):
        found = partition(graph, region, refine="decision", limits=limits or PATIENCE)
    if found is not None and method != "milp" and (found.complete or p == 2):
        return _by_regions(found, t0, before, to, steps, p)
    if found is not None and method == "enumeration":
        return _by_regions(found, t0, before, to, steps, p)
    return _by_program(network, t0, before, to, units, steps, p, seconds)


def _by_regions(
    found: Partition, t0: Array, before: int, to: int | None, steps: Array, p: float
) -> NearestChange:
    chosen = answers.decision(found)
    regions = np.flatnonzero(chosen == to if to is not None else chosen != before)
    best, where, at, middle = np.inf, None, None, None
    for bound, region in by_distance(found, regions, t0, steps, p):
        if bound >= best:
            break
        rows, bounds = _constraints(found, region)
        t = nearest_point(rows, bounds, t0, steps, p)
        if t is None:
            continue
        distance = float(np.linalg.norm(steps * (t - t0), p))
        if distance < best:
            center, radius = chebyshev(rows, bounds)
            if radius > FLAT:
                best, where, at, middle = distance, region, t, center
    lowest = best if found.complete else 0.0
    if where is None or at is None or middle is None:
        return NearestChange(
            np.inf, None, None, before, None, None, found, "enumeration", lowest, found.complete,
            verified=False,
        )  # fmt: skip
    t = np.stack([at, at + BEYOND * (middle - at)])
    after = int(targets.decide(found.network.value(t[1:]))[0])
    input_, beyond = found.frame.embed(t)
    return NearestChange(
        best, input_, beyond, before, after, where, found, "enumeration", lowest, found.complete,
        verified=after == to if to is not None else after != before,
    )  # fmt: skip


def _constraints(found: Partition, region: int) -> tuple[Array, Array]:
    """A region's constraints, the domain's included, `rows @ t <= bounds`."""
    frame, center = found.frame, found.centers[region]
    slopes, values = found.network.constraint_maps(center[None])
    rows, bounds, _ = normalised(slopes[0], np.maximum(values[0], 0), center)
    k = frame.dimensions
    return np.r_[rows, frame.A, np.eye(k), -np.eye(k)], np.r_[bounds, frame.b, np.ones(2 * k)]


def _by_program(
    network: Network,
    t0: Array,
    before: int,
    to: int | None,
    units: Array,
    steps: Array,
    p: float,
    seconds: float | None,
) -> NearestChange:
    from affidavit.regions import milp_questions

    if p == 2:
        raise DomainError("the program finds nearest inputs in the norms 1 and inf only, not 2")
    demands = (
        [-leads(network, to)]
        if to is not None
        # Where any rival reaches the class of x: the nearest of these points is the answer.
        else [row[None] for row in leads(network, before)]
    )
    best, at, bound = np.inf, None, np.inf
    for A in demands:
        found = milp_questions.nearest(
            network,
            t0,
            A,
            np.zeros(len(A)),
            norm="l1" if p == 1 else "linf",
            scale=units[network.frame.free],
            seconds=seconds,
        )
        decided_bound = np.inf if found.t is None and found.decided else found.bound
        bound = min(bound, decided_bound)
        if found.t is not None and found.value is not None and found.value < best:
            best, at = found.value, found.t
    if at is None:
        return NearestChange(
            np.inf, None, None, before, None, None, None, "milp", bound, bound == np.inf,
            verified=False,
        )  # fmt: skip
    beyond, after = _just_beyond(network, t0, at, before, to, steps)
    input_ = network.frame.embed(at[None])[0]
    fits = after is not None and (after == to if to is not None else after != before)
    return NearestChange(
        best, input_, beyond, before, after, None, None, "milp", bound,
        bound >= best - 1e-6 * max(best, float(steps.min())), verified=fits,
    )  # fmt: skip


def _just_beyond(
    network: Network, t0: Array, at: Array, before: int, to: int | None, steps: Array
) -> tuple[Array | None, int | None]:
    """A point near the border where the decision has changed, where a short step finds one."""
    generator = np.random.default_rng(0)
    directions = np.r_[(at - t0)[None], generator.uniform(-1, 1, (64, len(at))) / steps]
    sizes = np.abs(directions).max(1, keepdims=True)
    t = np.clip(at + BEYOND * directions / np.maximum(sizes, 1e-300), -1, 1)
    frame = network.frame
    t = t[(t @ frame.A.T <= frame.b + FLAT).all(1)]
    classes = targets.decide(network.value(t)) if len(t) else np.zeros(0, np.int64)
    fits = np.flatnonzero(classes == to if to is not None else classes != before)
    if not len(fits):
        return None, None
    return frame.embed(t[fits[:1]])[0], int(classes[fits[0]])
