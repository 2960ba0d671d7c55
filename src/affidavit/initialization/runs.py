"""What is kept of each run, and its form in a storage of trials."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

Bits = NDArray[np.bool_]
State: TypeAlias = Literal["complete", "dropped", "failed"]

POSITION, OWNER, REASON = "position", "owner", "reason"
INTERRUPTED = "interrupted"
"""Reason of a trial that is to be made again."""

_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "dropped",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True, eq=False)
class Run:
    """One trained network.

    Attributes:
        position: 0 for the first run, then in the order of the strategy.
        parameters: what the strategy tried.
        state: `dropped` by successive halving, `failed` if training diverged or raised an error.
        accuracy: on the validation part, at its last epoch; NaN of a failed run.
        seconds: its share of the time to train and evaluate.
        epochs: trained.
        finished: seconds from the beginning of the search's first call.
        validation, test: whether each row of the part is predicted right, [row]; None where it was
            not evaluated: a run that was dropped or failed has no `test`.
        reason: why it failed, or "".
    """

    position: int
    parameters: Mapping[str, Any]
    state: State
    accuracy: float
    seconds: float
    epochs: int
    finished: float
    validation: Bits | None = None
    test: Bits | None = None
    reason: str = ""


def attributes(run: Run) -> dict[str, Any]:
    """What a trial is given for its run, besides parameters and value; JSON."""
    return {
        "seconds": round(run.seconds, 6),
        "epochs": run.epochs,
        "finished": round(run.finished, 6),
        "validation": _packed(run.validation),
        "test": _packed(run.test),
        REASON: run.reason,
    }


def finished(trial: FrozenTrial) -> bool:
    """Whether a trial has an outcome: it is not under way, nor to be made again."""
    known = trial.state in _STATES and {"epochs", POSITION} <= trial.user_attrs.keys()
    # A process may end between its last words and the end of its trial: no reason, no failure.
    reason = trial.user_attrs.get(REASON)
    lost = trial.state == TrialState.FAIL and reason in (None, "", INTERRUPTED)
    return known and not lost


def from_trial(trial: FrozenTrial) -> Run | None:
    """The run of a trial with an outcome; None of another."""
    if not finished(trial):
        return None
    given = trial.user_attrs
    return Run(
        position=given[POSITION],
        parameters=dict(trial.params),
        state=_STATES[trial.state],
        accuracy=math.nan if trial.value is None else float(trial.value),
        seconds=given["seconds"],
        epochs=given["epochs"],
        finished=given["finished"],
        validation=_unpacked(given["validation"]),
        test=_unpacked(given["test"]),
        reason=given[REASON],
    )


def _packed(bits: Bits | None) -> list[Any] | None:
    if bits is None:
        return None
    return [len(bits), base64.b85encode(np.packbits(bits).tobytes()).decode()]


def _unpacked(given: list[Any] | None) -> Bits | None:
    if given is None:
        return None
    count, text = given
    octets = np.frombuffer(base64.b85decode(text), np.uint8)
    return np.unpackbits(octets, count=count).astype(bool)
