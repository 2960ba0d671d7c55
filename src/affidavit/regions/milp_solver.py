"""Solvers of mixed-integer programs, and linear relaxations with bounds that are proved."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from scipy.sparse import csr_array

from affidavit.errors import EngineError, nearest
from affidavit.regions.domain import Array
from affidavit.regions.milp_program import ROUNDING, Program, Row

TOLERANCE = 1e-9
"""Violation of a constraint, or distance of a binary variable from 0 or 1, that solvers allow."""

_Status = highspy.HighsModelStatus


@dataclass(frozen=True, eq=False)
class Found:
    """What a solver came to.

    Attributes:
        x: the best point it found, shape [variable], or None.
        bound: no feasible point has a larger objective; minus infinity where there is none.
        finished: False where time ran out.
    """

    x: Array | None
    bound: float
    finished: bool


class Solver(ABC):
    """A program in a solver, to be solved again and again under more and more rows."""

    @abstractmethod
    def __init__(self, program: Program) -> None:
        """Reads the program as it is now."""

    @abstractmethod
    def require(self, row: Row) -> None:
        """Adds `row <= 0`."""

    @abstractmethod
    def maximize(self, objective: Row | None, seconds: float | None = None) -> Found:
        """The best point, or any feasible one where there is no objective.

        Raises:
            EngineError: the solver gave up for another reason than time.
        """


class Highs(Solver):
    """HiGHS. Implications become rows with the tightest bound that the encoding knows."""

    def __init__(self, program: Program) -> None:
        self.highs = _highs()
        _load(self.highs, program, 0, 0, 0)
        binary = np.array(program.binary, np.int32)
        kinds = np.full(len(binary), highspy.HighsVarType.kInteger.value, np.uint8)
        if len(binary):
            self.highs.changeColsIntegrality(len(binary), binary, kinds)
        self.mixed = bool(len(binary))
        self.variables = len(program.lower)

    def require(self, row: Row) -> None:
        _add_row(self.highs, row)

    def maximize(self, objective: Row | None, seconds: float | None = None) -> Found:
        _set_objective(self.highs, self.variables, objective, -1.0)
        # Its clock runs on from one solution to the next.
        limit = np.inf if seconds is None else self.highs.getRunTime() + max(seconds, 0.0)
        self.highs.setOptionValue("time_limit", float(limit))
        self.highs.run()
        status, info = self.highs.getModelStatus(), self.highs.getInfo()
        if status in (_Status.kInfeasible, _Status.kUnboundedOrInfeasible):
            return Found(None, -np.inf, True)
        solution = self.highs.getSolution()
        feasible = info.primal_solution_status == highspy.kSolutionStatusFeasible
        x = np.array(solution.col_value) if feasible else None
        if status == _Status.kOptimal:
            bound = info.mip_dual_bound if self.mixed else info.objective_function_value
            return Found(x, -float(bound), True)
        if status == _Status.kTimeLimit:
            return Found(x, -info.mip_dual_bound, False)
        name = self.highs.modelStatusToString(status)
        raise EngineError(f"HiGHS ended with the status {name!r}, which says nothing")


class Scip(Solver):
    """SCIP, with implications as its own indicator constraints."""

    def __init__(self, program: Program) -> None:
        try:
            import pyscipopt
        except ImportError as error:
            raise EngineError(
                "the solver 'scip' needs the package PySCIPOpt: pip install pyscipopt"
            ) from error
        self.sum = pyscipopt.quicksum
        self.model: Any = pyscipopt.Model()
        self.model.hideOutput()
        self.model.setParam("numerics/feastol", TOLERANCE)
        binary = set(program.binary)
        self.variables = [
            self.model.addVar(vtype="B" if column in binary else "C", lb=low, ub=high)
            for column, (low, high) in enumerate(zip(program.lower, program.upper, strict=True))
        ]
        for row in program.rows:
            self.require(row)
        for rule in program.implications:
            self.model.addConsIndicator(
                self._sum(rule.row) <= -rule.row.constant,
                binvar=self.variables[rule.column],
                activeone=bool(rule.value),
            )

    def require(self, row: Row) -> None:
        self.model.freeTransform()
        if len(row.columns):
            self.model.addCons(self._sum(row) <= -row.constant)
        elif row.constant > 0:
            never = self.model.addVar(lb=0.0, ub=0.0)
            self.model.addCons(never >= 1.0)

    def maximize(self, objective: Row | None, seconds: float | None = None) -> Found:
        self.model.freeTransform()
        self.model.setObjective(self._sum(objective or Row.fixed(0.0)), "maximize")
        limit = 1e20 if seconds is None else max(seconds, 0.0)
        self.model.setParam("limits/time", limit)
        self.model.optimize()
        status = self.model.getStatus()
        if status == "infeasible":
            return Found(None, -np.inf, True)
        if status not in ("optimal", "timelimit"):
            raise EngineError(f"SCIP ended with the status {status!r}, which says nothing")
        x = None
        if self.model.getNSols():
            best = self.model.getBestSol()
            x = np.array([self.model.getSolVal(best, variable) for variable in self.variables])
        constant = 0.0 if objective is None else objective.constant
        bound = float(self.model.getDualbound())
        return Found(x, np.inf if bound >= 1e20 else bound + constant, status == "optimal")

    def _sum(self, row: Row) -> Any:
        places = zip(row.columns, row.weights, strict=True)
        return self.sum(float(weight) * self.variables[column] for column, weight in places)


SOLVERS: dict[str, type[Solver]] = {"highs": Highs, "scip": Scip}
"""The solvers by name."""


def solver_named(name: str) -> type[Solver]:
    """The solver of that name.

    Raises:
        EngineError: no such solver.
    """
    if name not in SOLVERS:
        raise EngineError(
            f"there is no solver {name!r}{nearest(name, SOLVERS)}: expected one of"
            f" {', '.join(SOLVERS)}"
        )
    return SOLVERS[name]


def time_left(until: float | None) -> float | None:
    """Seconds until a time of the monotonic clock; None where there is no such time."""
    return None if until is None else max(0.0, until - time.monotonic())


class Relaxation:
    """The linear relaxation of a program that grows, for bounds on functions of its variables.

    A bound is computed from the duals that the solver returns, whatever they are worth: for any
    duals y of `min c x`, `c x >= y A x + (c - y A) x`, of which each term is bounded by its own
    interval. So it is proved, to the rounding of that sum, which it is widened by.

    Source: Neumaier and Shcherbina 2004, Safe bounds in linear and mixed-integer programming.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.highs = _highs()
        self.seen = (0, 0, 0)
        self.rows: list[Row] = []

    def extent(self, row: Row) -> tuple[float, float]:
        """Bounds of a function over the relaxation."""
        self._refresh()
        low, high = self.program.extent(row)
        if low < high:
            low = max(low, self._least(row))
            high = min(high, -self._least(row * -1.0))
        return low, max(low, high)

    def _least(self, row: Row) -> float:
        variables = len(self.program.lower)
        _set_objective(self.highs, variables, row, 1.0)
        self.highs.run()
        if self.highs.getModelStatus() != _Status.kOptimal:
            return -np.inf
        duals = np.minimum(np.array(self.highs.getSolution().row_dual), 0.0)
        cost = np.zeros(variables)
        cost[row.columns] = row.weights
        reduced = cost - self.matrix.T @ duals
        ends = reduced * np.stack([self.program.lower, self.program.upper])
        sides = duals * self.bounds
        size = np.abs(ends).max(0).sum() + np.abs(sides).sum() + abs(row.constant)
        size += np.abs(duals) @ self.sizes
        return float(ends.min(0).sum() + sides.sum() + row.constant - ROUNDING * size)

    def _refresh(self) -> None:
        program = self.program
        now = (len(program.lower), len(program.rows), len(program.implications))
        if now == self.seen:
            return
        _load(self.highs, program, *self.seen)
        self.rows += _load_order(program, self.seen)
        self.seen = now
        starts = np.cumsum([0, *(len(row.columns) for row in self.rows)])
        columns = [row.columns for row in self.rows]
        weights = [row.weights for row in self.rows]
        self.matrix = csr_array(
            (
                np.concatenate([*weights, []]),
                np.concatenate([*columns, []]).astype(np.int64),
                starts,
            ),
            shape=(len(self.rows), now[0]),
        )
        self.bounds = np.array([-row.constant for row in self.rows])
        widest = np.maximum(np.abs(program.lower), np.abs(program.upper))
        self.sizes = abs(self.matrix) @ widest


def _highs() -> Any:
    create: Any = highspy.Highs  # untyped
    highs = create()
    options: dict[str, Any] = {
        "output_flag": False,
        "parallel": "off",
        "primal_feasibility_tolerance": TOLERANCE,
        "dual_feasibility_tolerance": TOLERANCE,
        "mip_feasibility_tolerance": TOLERANCE,
        "mip_rel_gap": TOLERANCE,
        "mip_abs_gap": TOLERANCE,
    }
    for name, value in options.items():
        highs.setOptionValue(name, value)
    return highs


def _load_order(program: Program, seen: tuple[int, int, int]) -> list[Row]:
    relaxed = [rule.relaxed for rule in program.implications[seen[2] :]]
    return [*program.rows[seen[1] :], *relaxed]


def _load(highs: Any, program: Program, columns: int, rows: int, implications: int) -> None:
    """Adds the variables and rows that a solver has not seen."""
    for low, high in zip(program.lower[columns:], program.upper[columns:], strict=True):
        highs.addVar(low, high)
    for row in _load_order(program, (columns, rows, implications)):
        _add_row(highs, row)


def _add_row(highs: Any, row: Row) -> None:
    columns = row.columns.astype(np.int32)
    highs.addRow(-highspy.kHighsInf, -row.constant, len(columns), columns, row.weights)


def _set_objective(highs: Any, variables: int, row: Row | None, sign: float) -> None:
    cost = np.zeros(variables)
    if row is not None:
        cost[row.columns] = sign * row.weights
    highs.changeColsCost(variables, np.arange(variables, dtype=np.int32), cost)
    highs.changeObjectiveOffset(0.0 if row is None else sign * row.constant)
