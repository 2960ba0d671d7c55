"""What a run of training found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """Means over the inputs of one pass through the data.

    Attributes:
        number: from 1 on.
        task: the task's loss.
        penalty: what is penalised, before its factor; None while that was 0.
        accuracy: share of outputs whose largest entry is the label; None where labels are no
            classes. Under adversarial training the outputs are those at adversarial inputs.
        validation: the same for validation data, in evaluation mode; None without any.
        seconds: taken.
    """

    number: int
    task: float
    penalty: float | None
    accuracy: float | None
    validation: float | None = None
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class History:
    """What a run of training found, its earlier parts included where it was resumed.

    Attributes:
        epochs: the passes that were finished, in order.
        steps: batches in all.
        interrupted: whether the run was interrupted before its end.
        settings: what it was run with, as text.
    """

    epochs: tuple[Epoch, ...]
    steps: int
    interrupted: bool
    settings: Mapping[str, str]

    def __repr__(self) -> str:
        last = f", last {self.epochs[-1]}" if self.epochs else ""
        state = ", interrupted" if self.interrupted else ""
        return f"History({len(self.epochs)} epochs, {self.steps} steps{state}{last})"


@dataclass
class Sums:
    """Totals of the pass that is going on."""

    task: float = 0.0
    penalty: float = 0.0
    penalized: int = 0
    right: int = 0
    labelled: int = 0
    inputs: int = 0

    def epoch(self, number: int, seconds: float, validation: float | None) -> Epoch:
        """The means."""
        return Epoch(
            number,
            self.task / self.inputs,
            self.penalty / self.penalized if self.penalized else None,
            self.right / self.labelled if self.labelled else None,
            validation,
            seconds,
        )


def as_record(value: Epoch | Sums) -> dict[str, Any]:
    """The fields by name."""
    return dict(vars(value))
