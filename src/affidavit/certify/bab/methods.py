"""Bounds by branch and bound on gradients, outputs and margins."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeAlias

import torch
from torch import Tensor

from affidavit.certify import crown, exact, ibp
from affidavit.certify.bab import axes, parts
from affidavit.certify.bab.leaves import Leaves, Settled
from affidavit.certify.bab.search import Budget, Progress, Search
from affidavit.certify.pieces import gradient_at, of_rows
from affidavit.certify.problem import Problem
from affidavit.certify.target import Score
from affidavit.errors import (
    DomainError,
    EngineError,
    UnsupportedOpsError,
    VerificationError,
    nearest,
)
from affidavit.graph import Graph, Interval
from affidavit.graph.intervals.interval import rounded_as

P = ParamSpec("P")

Report: TypeAlias = Callable[[Progress], None] | None

INNER = {"ibp": ibp, "crown": crown}
"""Methods that bound boxes, by name: modules with `gradient`, `outputs` and `margins`."""

REGIONS = 10_000
"""Linear regions of a leaf up to which they are enumerated, unless told otherwise."""

FEATURES = 9
"""Features that vary in a leaf up to which its regions are enumerated."""


def _as_run(method: Callable[P, Interval]) -> Callable[P, Interval]:
    """A method that searches in double precision, rounded as the network's dtype rounds."""

    @wraps(method)
    def run(*args: P.args, **kwargs: P.kwargs) -> Interval:
        problem = args[0]
        assert isinstance(problem, Problem)  # noqa: S101  # what every method takes first
        with rounded_as(problem.box.lower.dtype):
            return method(*args, **kwargs)

    return run


@_as_run
def gradient(
    problem: Problem,
    chosen: Score,
    *,
    max_boxes: int = 1000,
    max_seconds: float = math.inf,
    tolerance: float = 1e-9,
    inner: str | Callable[[Problem, Score], Interval] = "crown",
    max_regions: int = REGIONS,
    progress: Report = None,
) -> Interval:
    """Bounds on the gradient that tighten with the budget.

    The box of each input is divided where its bounds reach out farthest beyond gradients that were
    found at points. The gradient of a logit or margin of a piecewise-linear network is settled
    outright in parts where few units switch: up to 9 features that vary by linear regions, beyond
    that (for ReLU and its leaky kin) by signs of units, where cutting features gains nothing.

    Args:
        max_boxes: boxes, or parts by signs of units, to bound for each input. Given time, the
            result depends on nothing else, and only tightens with it.
        max_seconds: time for all inputs together, looked at between batches of boxes.
        tolerance: share of the first bounds' size to which they need not be tightened.
        inner: what bounds a part: a method's name, or a function of a problem and a score.
        max_regions: regions of a part up to which they are enumerated; 0 to settle no part.
        progress: called with the state of the search now and then.

    Raises:
        DomainError, UnsupportedOpsError: as of the inner method; a budget that is not positive.

    Guarantee: `sound`, never wider than the inner method in double precision. Where parts are
    settled, kinks count as in `exact`. Source: branch and bound as in Wang et al. 2018
    (ReluVal), here of gradients, with attained values to tell what is finished.
    """
    budget = Budget(boxes=max_boxes, seconds=max_seconds, tolerance=tolerance)
    wide = _wide(problem)
    regions = _piecewise(wide, chosen) if max_regions > 0 else None
    bound = _inner(inner, "gradient")
    forward = axes.by_relaxation if inner == "crown" else axes.by_intervals
    quantity = _Gradient(wide, chosen, bound, _middle(wide), regions, max_regions, forward)
    return _search(problem, wide, quantity, budget, progress, problem.box.lower.shape[1:])


@_as_run
def outputs(
    problem: Problem,
    *,
    max_boxes: int = 1000,
    max_seconds: float = math.inf,
    tolerance: float = 1e-9,
    inner: str | Callable[[Problem], Interval] = "crown",
    progress: Report = None,
) -> Interval:
    """Bounds on the outputs that tighten with the budget.

    Guarantee, arguments, errors: as :func:`gradient`; nothing is enumerated.
    """
    budget = Budget(boxes=max_boxes, seconds=max_seconds, tolerance=tolerance)
    wide = _wide(problem)
    bound = _inner(inner, "outputs")
    node = problem.graph.output
    quantity = _Values(
        wide,
        node,
        lambda part, owner: bound(part),
        lambda values, owner: values,
        _middle(wide),
    )
    shape = problem.graph.shapes[node][1:]
    return _search(problem, wide, quantity, budget, progress, shape)


@_as_run
def margins(
    problem: Problem,
    chosen: Score,
    *,
    max_boxes: int = 1000,
    max_seconds: float = math.inf,
    tolerance: float = 1e-9,
    inner: str | Callable[[Problem, Score], Interval] = "crown",
    progress: Report = None,
) -> Interval:
    """Bounds on how far the chosen class is ahead of each, [batch, class].

    Guarantee, arguments, errors: as :func:`gradient`; nothing is enumerated.
    """
    budget = Budget(boxes=max_boxes, seconds=max_seconds, tolerance=tolerance)
    wide = _wide(problem)
    bound = _inner(inner, "margins")

    def ahead(values: Tensor, owner: Tensor) -> Tensor:
        return values.gather(1, chosen.first[owner][:, None]) - values

    quantity = _Values(
        wide,
        chosen.node,
        lambda part, owner: bound(part, of_rows(chosen, owner)),
        ahead,
        _middle(wide),
    )
    classes = math.prod(problem.graph.shapes[chosen.node][1:])
    return _search(problem, wide, quantity, budget, progress, (classes,))


@dataclass(frozen=True, eq=False)
class _Gradient:
    """The gradient as a quantity to search; see :class:`search.Quantity`."""

    problem: Problem
    chosen: Score
    inner: Callable[..., Interval]
    middle: Mapping[str, Tensor]
    regions: Graph | None
    max_regions: int
    forward: axes.Forward

    def bound(self, box: Interval, owner: Tensor) -> Interval:
        return self.inner(_over(self.problem, box), of_rows(self.chosen, owner))

    def at(self, x: Tensor, owner: Tensor) -> Tensor:
        return gradient_at(self.problem.graph, of_rows(self.chosen, owner), x, self.middle)

    def worth(self, box: Interval, owner: Tensor, x: Tensor) -> tuple[Tensor, Tensor | None]:
        part = _over(self.problem, box)
        found = axes.of_gradient(part, of_rows(self.chosen, owner), x, self.middle, self.forward)
        return found.scores, found.switching

    def settle(
        self, leaf: Leaves, switching: int, attained: Interval, room: int, seconds: float
    ) -> Settled | None:
        if self.regions is None:
            return None
        cpu = torch.device("cpu")
        dtype, device = leaf.box.lower.dtype, leaf.box.lower.device
        box = leaf.box.to(torch.float64, cpu)
        chosen = exact.on_cpu(of_rows(self.chosen, leaf.owner))
        free = int((box.lower < box.upper).sum())
        if free > FEATURES:
            part = Problem(self.regions, box, {})
            known = attained.to(torch.float64, cpu)
            found = parts.settle(part, chosen, known, max(room, 1), seconds)
        elif _most_regions(switching, free) <= self.max_regions:
            found = _by_regions(self.regions, chosen, box, self.max_regions, seconds)
        else:
            found = None
        if found is None:
            return None
        rest = None if found.rest is None else found.rest.to(dtype, device)
        return Settled(found.attained.to(dtype, device), rest, found.cost)


def _by_regions(
    graph: Graph, chosen: Score, box: Interval, most: int, seconds: float
) -> Settled | None:
    """The extremes over one box by its linear regions, flat; None where they are too many."""
    from affidavit.regions import Limits

    try:
        found = exact.hull(graph, chosen, box, Limits(regions=most, seconds=seconds))
    except (EngineError, VerificationError, DomainError):
        return None  # too many after all, or too thin for the engine: it is halved instead
    return Settled(Interval(found.lower.flatten(1), found.upper.flatten(1)))


@dataclass(frozen=True, eq=False)
class _Values:
    """A value of the network as a quantity to search; see :class:`search.Quantity`."""

    problem: Problem
    node: str
    inner: Callable[[Problem, Tensor], Interval]
    shown: Callable[[Tensor, Tensor], Tensor]
    middle: Mapping[str, Tensor]

    def bound(self, box: Interval, owner: Tensor) -> Interval:
        return self.inner(_over(self.problem, box), owner)

    def at(self, x: Tensor, owner: Tensor) -> Tensor:
        with torch.no_grad():
            values = self.problem.graph.values(x, (self.node,), self.middle)[self.node]
        return self.shown(values.flatten(1), owner)

    def worth(self, box: Interval, owner: Tensor, x: Tensor) -> tuple[Tensor, Tensor | None]:
        return axes.of_values(_over(self.problem, box), self.node, x, self.middle), None

    def settle(
        self, leaf: Leaves, switching: int, attained: Interval, room: int, seconds: float
    ) -> Settled | None:
        return None


def _search(
    problem: Problem,
    wide: Problem,
    quantity: _Gradient | _Values,
    budget: Budget,
    progress: Report,
    shape: tuple[int, ...],
) -> Interval:
    search = Search(quantity, wide.box, wide.x, budget, progress)
    search.run()
    found = search.bounds
    result = Interval(found.lower.reshape(-1, *shape), found.upper.reshape(-1, *shape))
    return result.to(problem.box.lower.dtype, problem.box.lower.device)


def _wide(problem: Problem) -> Problem:
    """The problem in double precision, detached: the search is no function to differentiate."""
    device = problem.box.lower.device
    box = Interval(problem.box.lower.detach(), problem.box.upper.detach())
    return Problem(
        problem.graph.to(torch.float64, device),
        box.to(torch.float64, device),
        {
            name: Interval(weight.lower.detach(), weight.upper.detach()).to(torch.float64, device)
            for name, weight in problem.weights.items()
        },
        None if problem.x is None else problem.x.to(torch.float64),
    )


def _over(problem: Problem, box: Interval) -> Problem:
    """The same problem over other boxes."""
    return dataclasses.replace(problem, box=box, x=None)


def _middle(problem: Problem) -> dict[str, Tensor]:
    """Weights in the middle of their boxes, for values that are attained."""
    return {name: weight.center_radius()[0] for name, weight in problem.weights.items()}


def _inner(method: str | Callable[..., Interval], what: str) -> Callable[..., Interval]:
    if callable(method):
        return method
    if method not in INNER:
        raise DomainError(
            f"there is no inner method {method!r}{nearest(method, INNER)}; expected"
            f" {', '.join(INNER)}, or a function"
        )
    found: Callable[..., Interval] = getattr(INNER[method], what)
    return found


def _piecewise(problem: Problem, chosen: Score) -> Graph | None:
    """The network whose regions say what the gradient is, or None where they do not."""
    if not chosen.is_linear:
        return None
    try:
        return exact.piecewise(problem, chosen.node)
    except (DomainError, UnsupportedOpsError):
        return None


def _most_regions(switching: int, features: int) -> int:
    """Regions that so many hyperplanes in general position cut a space of features into."""
    return sum(math.comb(switching, i) for i in range(min(switching, features) + 1))
