"""The arrays that pictures show, taken from results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np

from affidavit.errors import DataError, DomainError
from affidavit.initialization.pictures.style import Vector
from affidavit.initialization.result import SearchResult
from affidavit.initialization.runs import Run
from affidavit.initialization.scales import ScaleCurve


def gains(result: SearchResult, delta: float | None = None) -> Vector:
    """The gain of trial 1, 2 and so on over the first run, shares of 1, [trial].

    NaN of a trial that failed, was given up early, or is not there yet.

    Args:
        result: of a search.
        delta: of a walk, the step size whose trials are meant, counted by their steps; None for
            all trials.

    Raises:
        DataError: no trials, or `delta` for a search that is no walk.
        DomainError: a step size that the walk did not try.
    """
    if delta is None:
        places = {run.position: run for run in result.runs if run.position}
    else:
        places = _walks(result).get(delta, {})
        if not places:
            tried = ", ".join(f"{one:g}" for one in _walks(result))
            raise DomainError(f"the walk has no trial with δ = {delta:g}; it tried {tried}")
    if not places:
        raise DataError("the search has no trials after its first run; nothing was tried yet")
    found = np.full(max(places), math.nan)
    for place, run in places.items():
        found[place - 1] = _gain(result, run)
    return found


def gains_by_delta(result: SearchResult) -> dict[float, float]:
    """The best gain of each step size of a walk, a share of 1, NaN where all its trials failed.

    Raises DataError for a search that is no walk, or has no trials.
    """
    found = {}
    for delta, steps in _walks(result).items():
        seen = [_gain(result, run) for run in steps.values()]
        found[delta] = max((gain for gain in seen if not math.isnan(gain)), default=math.nan)
    return found


def gains_by_time(result: SearchResult) -> tuple[Vector, Vector]:
    """Seconds at which runs ended, in order, and their gains, [run] each; the first run's is 0."""
    runs = sorted(result.runs, key=lambda run: (run.finished, run.position))
    seconds = np.array([run.finished for run in runs])
    return seconds, np.array([_gain(result, run) for run in runs])


def curves_by_scale(
    found: Mapping[float, ScaleCurve], shown: Literal["accuracy", "loss"] = "accuracy"
) -> dict[str, tuple[Vector, Vector]]:
    """Epochs and values of each training, named by its scale, as :func:`training_curves` takes."""
    return {
        f"weights × {scale:g}": (
            curve.epochs.astype(np.float64),
            curve.loss if shown == "loss" else curve.accuracy,
        )
        for scale, curve in found.items()
    }


def _gain(result: SearchResult, run: Run) -> float:
    return run.accuracy - result.first.accuracy if run.state == "complete" else math.nan


def _walks(result: SearchResult) -> dict[float, dict[int, Run]]:
    """Trials by step size and step."""
    if result.strategy != "walk":
        raise DataError(
            f"the search is by {result.strategy!r} and has no step sizes; expected a walk"
        )
    found: dict[float, dict[int, Run]] = {}
    for run in result.runs:
        if run.position:
            found.setdefault(run.parameters["delta"], {})[run.parameters["step"]] = run
    if not found:
        raise DataError("the search has no trials after its first run; nothing was tried yet")
    return found
