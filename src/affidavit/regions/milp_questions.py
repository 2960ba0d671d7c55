"""Questions about the best point of a domain, answered without enumerating its regions.

The program's solution says in which cell the answer lies. There a small linear program finds the
point anew, free of the tolerances of the encoding, and the network itself is evaluated at it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np

from affidavit.errors import DomainError
from affidavit.regions import milp_cells as cells
from affidavit.regions.domain import FLAT, Array
from affidavit.regions.milp_encoding import Encoding, encode
from affidavit.regions.milp_program import Program, Row, total
from affidavit.regions.milp_solver import Solver, solver_named, time_left
from affidavit.regions.network import Network

Norm: TypeAlias = Literal["l1", "linf"]

EXACT = 1e-6
"""An answer is decided where its bound is this near to what was found, relative to its size."""

TOUCHING = 1e-9
"""Violation of a question's constraints, relative to their size, that a witness may have."""


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to a question about the best point of a domain.

    Attributes:
        t: the best point found, in the frame's coordinates, or None.
        value: its value, by evaluating the network there; None without a point.
        bound: no point of the domain has a better value.
        decided: whether the two meet, or it is proved that there is no point. Where time ran out
            before, the best value lies between them.
    """

    t: Array | None
    value: float | None
    bound: float
    decided: bool


def maximize(
    network: Network,
    row: Any,
    bias: float = 0.0,
    *,
    solver: str = "highs",
    seconds: float | None = None,
) -> Answer:
    """The largest value of `row . y + bias` over the domain, y being the outputs without a head.

    Args:
        row: shape [output].
        bias: a constant.
        solver: `highs`, or `scip` where PySCIPOpt is installed.
        seconds: time after which to give what is known.

    Returns:
        The point, its value as the network gives it, and an upper bound.

    Raises:
        DomainError: a row that does not fit the outputs.
        EngineError: no such solver, or it gave up.

    Guarantee: `exact` where decided, else `sound` in its bound; to the solver's tolerance of 1e-9
    on its constraints.
    """
    until = None if seconds is None else time.monotonic() + seconds
    create = solver_named(solver)
    weights = _vector(row, network.outputs, "the row")
    encoding = encode(network, refine=False)
    objective = _combine(encoding.outputs, weights).plus(float(bias))
    found = create(encoding.program).maximize(objective, time_left(until))
    if found.x is None:
        return Answer(None, None, min(found.bound, encoding.program.extent(objective)[1]), False)
    cell = cells.cell(encoding, encoding.picks(found.x), network.frame)
    slope, _ = cell.affine(objective)
    t = _least(-slope, cell.A, cell.b)
    t = np.clip(found.x[: encoding.dimensions] if t is None else t, -1, 1)
    value = float(weights @ network.value(t[None])[0] + bias)
    size = float(np.abs(weights) @ _sizes(network)) + abs(bias)
    bound = max(found.bound, value)
    return Answer(t, value, bound, found.finished and bound - value <= EXACT * size)


def exists(
    network: Network,
    A: Any,
    b: Any,
    *,
    solver: str = "highs",
    seconds: float | None = None,
) -> Answer:
    """A point of the domain whose outputs (without a head) have `A y <= b`, if there is one.

    Args:
        A, b: shapes [constraint, output] and [constraint].
        solver, seconds: as for :func:`maximize`.

    Returns:
        The point, with the least slack of its constraints, `min(b - A y)`, as the value. The
        bound is minus infinity where it is proved that there is none, and infinity otherwise;
        :func:`maximize` tells how near the outputs come.

    Raises:
        DomainError: constraints that do not fit the outputs.
        EngineError: no such solver, or it gave up.

    Guarantee: `exact` where decided: a witness meets the constraints by evaluation, to 1e-9 of
    their size.
    """
    until = None if seconds is None else time.monotonic() + seconds
    create = solver_named(solver)
    constraints = _constraints(A, b, network.outputs)
    encoding = encode(network, refine=False)
    _demand(encoding, constraints)
    search = _Search(network, encoding, create(encoding.program), constraints)
    while True:
        found = search.engine.maximize(None, time_left(until))
        if found.x is None:
            return Answer(None, None, -np.inf if found.finished else np.inf, found.finished)
        t = search.roomiest(found.x)
        if t is not None:
            return Answer(t, search.slack(t), np.inf, True)


def nearest(
    network: Network,
    t0: Any,
    A: Any,
    b: Any,
    *,
    norm: Norm = "l1",
    features: Sequence[int] | None = None,
    scale: Any = None,
    solver: str = "highs",
    seconds: float | None = None,
) -> Answer:
    """The point nearest to `t0` whose outputs (without a head) have `A y <= b`.

    Args:
        t0: a point of the domain in the frame's coordinates, shape [k].
        A, b: shapes [constraint, output] and [constraint].
        norm: a distance is the sum (`l1`) or the largest (`linf`) of the features' changes.
        features: input features that may change, among those that vary in the domain; all of
            them unless given.
        scale: a change by how much counts as 1, in units of the input, for each feature that
            varies in the domain, shape [k]; 1 unless given.
        solver, seconds: as for :func:`maximize`.

    Returns:
        The point, its distance, and a lower bound of all distances, infinite where it is proved
        that there is no such point.

    Raises:
        DomainError: arguments that do not fit the domain or the outputs.
        EngineError: no such solver, or it gave up.

    Guarantee: `exact` where decided, else `sound` in its bound; a point meets the constraints by
    evaluation, to 1e-9 of their size.
    """
    until = None if seconds is None else time.monotonic() + seconds
    create = solver_named(solver)
    constraints = _constraints(A, b, network.outputs)
    start, free = _start(network, t0), _allowed(network, features)
    metric = _metric(network, start, scale, norm)
    low, high = np.where(free, -1.0, start), np.where(free, 1.0, start)
    encoding = encode(network, lower=low, upper=high, refine=False)
    _demand(encoding, constraints)
    objective = metric.measure(encoding.program) * -1.0
    search = _Search(network, encoding, create(encoding.program), constraints)
    while True:
        found = search.engine.maximize(objective, time_left(until))
        bound = max(-found.bound, 0.0)
        if found.x is None:
            return Answer(None, None, bound, found.finished)
        t = search.nearest(found.x, metric)
        if t is not None:
            value = metric(t)
            gap = value - bound
            exact = gap <= EXACT * max(value, float(metric.steps.min()))
            return Answer(t, value, min(bound, value), found.finished and exact)
        if not found.finished:
            return Answer(None, None, bound, False)


@dataclass(frozen=True, eq=False)
class _Metric:
    """A distance from a point.

    Attributes:
        start: the point, shape [k].
        steps: how much a change of 1 of each coordinate counts, shape [k].
        norm: how these add up.
    """

    start: Array
    steps: Array
    norm: Norm

    def __call__(self, t: Array) -> float:
        changes = np.abs(t - self.start) * self.steps
        return float(changes.sum() if self.norm == "l1" else changes.max())

    def measure(self, program: Program) -> Row:
        """The distance of a program's first variables as a function of new ones, no less."""
        far = 2 * self.steps
        if self.norm == "linf":
            columns = [program.variable(0.0, float(far.max()))] * len(far)
        else:
            columns = [program.variable(0.0, distance) for distance in far.tolist()]
        for j, column in enumerate(columns):
            change = Row.of(j, float(self.steps[j]), float(-self.steps[j] * self.start[j]))
            program.rows += [change - Row.of(column), change * -1.0 - Row.of(column)]
        return total([Row.of(column) for column in dict.fromkeys(columns)])


@dataclass(frozen=True, eq=False)
class _Constraints:
    """`A y <= b` on the outputs."""

    A: Array
    b: Array


@dataclass(frozen=True, eq=False)
class _Search:
    """Turns what a solver finds into points that stand up to evaluation.

    An assignment that holds only by the solver's tolerance is blocked, and gives no point.
    """

    network: Network
    encoding: Encoding
    engine: Solver
    constraints: _Constraints

    @cached_property
    def sizes(self) -> Array:
        """The magnitude of each constraint's terms, shape [constraint]."""
        wanted = self.constraints
        result: Array = np.abs(wanted.A) @ _sizes(self.network) + np.abs(wanted.b)
        return result

    def slack(self, t: Array) -> float:
        """The least slack of the constraints at a point."""
        y = self.network.value(t[None])[0]
        return float((self.constraints.b - self.constraints.A @ y).min(initial=np.inf))

    def roomiest(self, x: Array) -> Array | None:
        """The point of the solution's cell with the most slack, relative to the size of each."""
        cell, A, b = self._limits(x)
        k = A.shape[1]
        slack = np.r_[np.zeros(len(cell.b)), self.sizes]
        cost = np.r_[np.zeros(k), -1.0]
        cap = np.r_[np.zeros(k), 1.0]
        t = _least(cost, np.r_[np.c_[A, slack], cap[None]], np.r_[b, 1.0])
        return self._checked(cell, None if t is None else t[:k])

    def nearest(self, x: Array, metric: _Metric) -> Array | None:
        """The point of the solution's cell that is nearest, on the safe side if that has one."""
        cell, A, b = self._limits(x)
        k = A.shape[1]
        extra = 1 if metric.norm == "linf" else k
        spread = np.ones((k, 1)) if metric.norm == "linf" else np.eye(k)
        steps, level = np.diag(metric.steps), metric.steps * metric.start
        rows = np.r_[np.c_[steps, -spread], np.c_[-steps, -spread]]
        A = np.r_[np.c_[A, np.zeros((len(A), extra))], rows]
        cost = np.r_[np.zeros(k), np.ones(extra)]
        for margin in (TOUCHING / 4, 0.0):
            inside = b - margin * np.r_[np.zeros(len(cell.b)), self.sizes]
            t = _least(cost, A, np.r_[inside, level, -level])
            if t is not None:
                return self._checked(cell, t[:k])
        return self._checked(cell, None)

    def _limits(self, x: Array) -> tuple[cells.Cell, Array, Array]:
        """The cell, and its constraints together with those on the outputs."""
        encoding, wanted = self.encoding, self.constraints
        cell = cells.cell(encoding, encoding.picks(x), self.network.frame)
        maps = [cell.affine(row) for row in encoding.outputs]
        slopes, constants = np.stack([a for a, _ in maps]), np.array([c for _, c in maps])
        A = np.r_[cell.A, wanted.A @ slopes]
        b = np.r_[cell.b, wanted.b - wanted.A @ constants]
        return cell, A, b

    def _checked(self, cell: cells.Cell, t: Array | None) -> Array | None:
        if t is not None:
            t = np.clip(t, -1, 1)
            y = self.network.value(t[None])[0]
            if (self.constraints.A @ y <= self.constraints.b + TOUCHING * self.sizes).all():
                return t
        self.engine.require(cells.block(self.encoding, cell))
        return None


def _sizes(network: Network) -> Array:
    """The largest magnitude seen of each output, shape [output]: what rounding is relative to."""
    samples = np.random.default_rng(0).uniform(-1, 1, (64, network.frame.dimensions))
    largest: Array = np.abs(network.value(samples)).max(0)
    return np.maximum(largest, 1e-300)


def _demand(encoding: Encoding, constraints: _Constraints) -> None:
    """Adds constraints on the outputs to a program."""
    for weights, most in zip(constraints.A, constraints.b.tolist(), strict=True):
        encoding.program.rows.append(_combine(encoding.outputs, weights).plus(-most))


def _combine(rows: Sequence[Row], weights: Array) -> Row:
    return total([row * weight for row, weight in zip(rows, weights.tolist(), strict=True)])


def _least(cost: Array, A: Array, b: Array) -> Array | None:
    """Where a linear function is least under `A x <= b`, or None where nothing is feasible."""
    found = cells.linear_program(cost, A, b)
    result: Array | None = found.x if found.success else None
    return result


def _vector(values: Any, size: int, what: str) -> Array:
    array = np.asarray(values, np.float64).reshape(-1)
    if len(array) != size:
        raise DomainError(f"{what} has {len(array)} entries; expected {size}")
    if not np.isfinite(array).all():
        raise DomainError(f"{what} has an entry that is NaN or infinite")
    return array


def _constraints(A: Any, b: Any, outputs: int) -> _Constraints:
    rows = np.atleast_2d(np.asarray(A, np.float64))
    if rows.ndim != 2 or rows.shape[1] != outputs:
        raise DomainError(f"A has the shape {list(rows.shape)}; expected {outputs} columns")
    if not np.isfinite(rows).all():
        raise DomainError("A has an entry that is NaN or infinite")
    return _Constraints(rows, _vector(b, len(rows), "b"))


def _start(network: Network, t0: Any) -> Array:
    frame = network.frame
    start = _vector(t0, frame.dimensions, "the point")
    if (np.abs(start) > 1 + FLAT).any() or (frame.A @ start > frame.b + FLAT).any():
        raise DomainError("the point whose nearest one is wanted lies outside the domain")
    return start.clip(-1, 1)


def _allowed(network: Network, features: Sequence[int] | None) -> np.ndarray:
    free = network.frame.free
    if features is None:
        return np.ones(len(free), bool)
    for feature in features:
        if feature not in free:
            raise DomainError(f"feature {feature} does not vary in the domain")
    return np.isin(free, features)


def _metric(network: Network, start: Array, scale: Any, norm: Norm) -> _Metric:
    half = network.frame.half
    units = np.ones(len(half)) if scale is None else _vector(scale, len(half), "the scale")
    if (units <= 0).any():
        raise DomainError("the scale of a feature must be positive")
    if norm not in ("l1", "linf"):
        raise DomainError(f"there is no norm {norm!r}: expected l1 or linf")
    return _Metric(start, half / units, norm)
