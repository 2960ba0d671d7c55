"""The polytope of one assignment of states, and the rows that keep a solver from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linprog

from affidavit.regions.domain import FLAT, Array, Frame
from affidavit.regions.milp_encoding import Encoding
from affidavit.regions.milp_program import Row, total

TIED = 1e-12
"""Share of an op's operands below which two pieces are equal on a whole cell."""


@dataclass(frozen=True, eq=False)
class Cell:
    """Where in the domain an assignment holds: `A t <= b`, rows of unit length.

    Attributes:
        picks: the piece that each choice picks, shape [choice].
        A, b: shapes [constraint, k] and [constraint], the domain's own constraints first.
        choice: the choice that each constraint belongs to, -1 for the domain's.
        rival: the piece that it compares the picked one with.
        slopes, constants: every variable of the encoding as a function of t.
        ties: for each choice all pieces that equal the picked one there, itself included.
    """

    picks: np.ndarray
    A: Array
    b: Array
    choice: np.ndarray
    rival: np.ndarray
    slopes: Array
    constants: Array
    ties: tuple[tuple[int, ...], ...]

    def affine(self, row: Row) -> tuple[Array, float]:
        """Slopes in t, shape [k], and constant of a function of the variables."""
        slope = row.weights @ self.slopes[row.columns]
        return slope, float(row.weights @ self.constants[row.columns] + row.constant)


@dataclass(frozen=True, eq=False)
class Ball:
    """The largest ball in a cell.

    Attributes:
        center, radius: a negative radius where the cell is empty.
        support: constraints that alone allow no larger one.
    """

    center: Array
    radius: float
    support: np.ndarray


def cell(encoding: Encoding, picks: np.ndarray, frame: Frame) -> Cell:
    """The cell of an assignment: its linear models and guards, by substitution.

    Source: Continuous Exact Explanations, equations 1 to 4.
    """
    k = encoding.dimensions
    slopes = np.zeros((len(encoding.program.lower), k))
    slopes[:k] = np.eye(k)
    constants = np.zeros(len(slopes))
    for choice, pick in zip(encoding.choices, picks, strict=True):
        for row, on in zip(choice.picked, np.arange(len(choice.pieces)) == pick, strict=True):
            (column,), positive = row.columns, row.weights[0] > 0
            constants[column] = float(on == positive)
    rows: list[Array] = [np.eye(k), -np.eye(k), frame.A]
    bounds: list[Array] = [
        np.array(encoding.program.upper[:k]),
        -np.array(encoding.program.lower[:k]),
        frame.b,
    ]
    owners, rivals, ties = [-1] * (2 * k + len(frame.b)), [-1] * (2 * k + len(frame.b)), []
    for number, (choice, pick) in enumerate(zip(encoding.choices, picks, strict=True)):
        A = np.stack([piece.weights @ slopes[piece.columns] for piece in choice.pieces])
        b = np.array([p.weights @ constants[p.columns] + p.constant for p in choice.pieces])
        slopes[choice.column], constants[choice.column] = A[pick], b[pick]
        steepness = A - A[pick]
        height = b[pick] - b
        length = np.linalg.norm(steepness, axis=1)
        level = length <= TIED * choice.scale
        equal = level & (np.abs(height) <= TIED * choice.scale)
        equal[pick] = True
        ties.append(tuple(np.flatnonzero(equal).tolist()))
        for rival in np.flatnonzero(~equal).tolist():
            # Parallel functions never cross: the guard holds everywhere or nowhere.
            share = 1.0 if level[rival] else length[rival]
            rows.append(np.where(level[rival], 0.0, steepness[rival : rival + 1] / share))
            bounds.append(height[rival : rival + 1] / share)
            owners.append(number)
            rivals.append(rival)
    return Cell(
        picks,
        np.concatenate(rows),
        np.concatenate(bounds),
        np.array(owners),
        np.array(rivals),
        slopes,
        constants,
        tuple(ties),
    )


def largest_ball(found: Cell) -> Ball:
    """The largest ball in a cell, and a proof that there is no larger one."""
    k = found.A.shape[1]
    idle = (found.choice >= 0) & (np.abs(found.A).sum(1) == 0)
    never = np.flatnonzero(idle & (found.b < 0))
    if len(never):
        return Ball(np.zeros(k), -np.inf, never[:1])
    used = np.flatnonzero(~idle)
    A, b = found.A[used], found.b[used]
    norms = np.linalg.norm(A, axis=1)
    solution = linear_program(np.r_[np.zeros(k), -1.0], np.c_[A, norms], b)
    if not solution.success:
        return Ball(np.zeros(k), -np.inf, np.arange(len(found.b)))
    center = solution.x[:-1]
    # The radius that the centre has, not the one that the solver says.
    radius = float((b - A @ center).min())
    duals = np.maximum(-solution.ineqlin.marginals, 0.0)
    support = np.flatnonzero(duals > 1e-9)
    share = duals[support] / duals[support].sum()
    at_most = share @ b[support] + np.abs(share @ A[support]).sum()
    proved = at_most <= max(radius, 0.0) + FLAT
    return Ball(center, radius, used[support] if proved else np.arange(len(found.b)))


def linear_program(cost: Array, A: Array, b: Array) -> Any:
    """SciPy's result of `min cost . x` under `A x <= b`, to the tightest tolerance of HiGHS."""
    return linprog(
        cost,
        A,
        b,
        bounds=(None, None),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )


def block(encoding: Encoding, found: Cell) -> Row:
    """The no-good cut of a state: `row <= 0` holds in all others.

    Pieces that are equal on the whole cell make no other state.
    """
    literals = [
        total([choice.picked[piece] for piece in ties])
        for choice, ties in zip(encoding.choices, found.ties, strict=True)
    ]
    return total(literals).plus(1.0 - len(literals))


def block_flat(encoding: Encoding, found: Cell, support: Iterable[int]) -> Row:
    """A cut of all assignments that are flat for the same reason.

    Some constraints contradict each other alone: so they do in every assignment that has the same
    picks in their own choices and in those that these depend on.
    """
    owners = _owners(encoding)
    needed: set[int] = set()
    for constraint in support:
        number = int(found.choice[constraint])
        if number < 0:
            continue
        choice = encoding.choices[number]
        needed.add(number)
        compared = (int(found.rival[constraint]), int(found.picks[number]))
        columns = [column for piece in compared for column in choice.pieces[piece].columns]
        pending = [owners[int(column)] for column in columns]
        while pending:
            number = pending.pop()
            if number < 0 or number in needed:
                continue
            needed.add(number)
            piece = encoding.choices[number].pieces[int(found.picks[number])]
            pending += [owners[int(column)] for column in piece.columns]
    picked = [encoding.choices[i].picked[int(found.picks[i])] for i in sorted(needed)]
    return total(picked).plus(1.0 - len(picked))


def _owners(encoding: Encoding) -> np.ndarray:
    """The choice that each variable belongs to, -1 for coordinates."""
    owners = np.full(len(encoding.program.lower), -1)
    for number, choice in enumerate(encoding.choices):
        owners[choice.column] = number
        for row in choice.picked:
            owners[row.columns] = number
    return owners
