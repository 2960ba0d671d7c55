"""What statements about runs are made from: checked, and counted in whole rows.

Accuracies on the same rows are multiples of one over their number. Comparing them as floating-point
numbers can take two equal ones for different, so that everything here compares counts of rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affidavit.errors import DataError, DomainError

# An accuracy in single precision is this close to a multiple of one over the number of rows.
_SLACK = 1e-7


def checked_run(correct: ArrayLike, what: str = "correct") -> NDArray[np.bool_]:
    """Whether one run is right on each row, [row].

    Raises DataError for another shape, no rows, or values other than true and false.
    """
    found = _truths(correct, what)
    if found.ndim != 1 or not found.size:
        raise DataError(
            f"{what} has the shape {list(found.shape)}; expected [row], whether the run is right on"
            " each of at least 1 row"
        )
    return found


def checked_runs(correct: ArrayLike, least: int = 1, what: str = "correct") -> NDArray[np.bool_]:
    """Whether each run is right on each row, [run, row], with at least `least` runs.

    A run that diverged is right nowhere: a row of False.

    Raises DataError for another shape, fewer runs, no rows, or values other than true and false.
    """
    found = _truths(correct, what)
    if found.ndim != 2 or len(found) < least or not found.size:
        runs = f"{least} runs" if least > 1 else "1 run"
        raise DataError(
            f"{what} has the shape {list(found.shape)}; expected [run, row], whether each of at"
            f" least {runs} is right on each of at least 1 row"
        )
    return found


def check_same_rows(chosen: NDArray[np.bool_], runs: NDArray[np.bool_], where: str) -> None:
    """Raises DataError unless the chosen run, [row], and the runs, [run, row], share their rows."""
    if len(chosen) != runs.shape[1]:
        raise DataError(
            f"the chosen run has {len(chosen)} {where} rows and the runs {runs.shape[1]}; expected"
            " the same rows in the same order"
        )


def check_share(name: str, value: float) -> None:
    """Raises DomainError unless 0 < value < 1."""
    if not 0 < value < 1:
        raise DomainError(f"{name} is {value}; expected a number between 0 and 1")


def check_confidence(confidence: float) -> None:
    """Raises DomainError unless 1/2 <= confidence < 1: below, a bound is no evidence."""
    if not 0.5 <= confidence < 1:
        raise DomainError(f"confidence is {confidence}; expected at least 0.5 and below 1")


def right_rows(accuracies: ArrayLike, rows: int) -> NDArray[np.float64]:
    """Rows on which each run is right, whole numbers, [run]; −∞ for a run that diverged.

    A diverged run is worse than every other, and lies within no span of accuracies: its accuracy
    is NaN here, and nothing that it happened to answer counts.

    Args:
        accuracies: shares of the rows on which each run is right; NaN: it diverged, [run].
        rows: how many rows they are shares of.

    Raises:
        DataError: no runs, another shape, accuracies outside [0, 1], or no multiples of 1 / rows.
        DomainError: fewer than 1 row.
    """
    if rows < 1:
        raise DomainError(f"there are {rows} rows; expected at least 1")
    found = np.asarray(accuracies, np.float64)
    if found.ndim != 1 or not found.size:
        raise DataError(
            f"the accuracies have the shape {list(found.shape)}; expected [run], at least one"
        )
    diverged = np.isnan(found)
    counts = np.where(diverged, 0.0, np.clip(found, -1.0, 2.0)) * rows
    whole = np.rint(counts)
    odd = (np.abs(counts - whole) > 1e-3 + _SLACK * rows) | (whole < 0) | (whole > rows)
    if odd.any():
        raise DataError(
            f"an accuracy is {found[odd][0]:.6g}, which is no share of {rows} rows; expected whole"
            " numbers of right rows divided by the number of rows"
        )
    return np.where(diverged, -np.inf, whole)


def least_right(at_least: float, rows: int) -> int:
    """The fewest right rows whose share is at least `at_least`.

    The share is the quotient as a floating-point number, which is what `at_least` is too where
    both mean the same: 0.07 of 100 rows are 7, though 0.07 * 100 is a little more.
    """
    near = round(at_least * rows)
    return next(count for count in (near, near + 1) if count / rows >= at_least)


def most_apart(span: float, rows: int) -> int:
    """The most rows by which two runs can differ and lie within `span`. See least_right."""
    near = round(span * rows)
    return next(count for count in (near, near - 1) if count / rows <= span)


def _truths(correct: ArrayLike, what: str) -> NDArray[np.bool_]:
    found = np.asarray(correct)
    if found.dtype == np.bool_:
        return found
    if not np.issubdtype(found.dtype, np.number) or not np.isin(found, (0, 1)).all():
        raise DataError(
            f"{what} has values other than true and false (its type is {found.dtype}); expected"
            " whether a run is right, and False wherever a diverged run has no answer"
        )
    return found.astype(np.bool_)
