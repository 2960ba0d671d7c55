"""The outcome of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from affidavit.errors import DataError
from affidavit.initialization.limits import Limits
from affidavit.initialization.runs import Bits, Run

Stopped: TypeAlias = Literal["max_time", "max_trial", "max_gain", "target", "interrupted"]


@dataclass(frozen=True, eq=False, repr=False)
class SearchResult:
    """All runs of a search, and the one that was chosen.

    Attributes:
        runs: by position, those of all calls with this storage.
        chosen: the complete run with the highest validation accuracy, the earliest of equal ones.
        model: its trained network.
        strategy: its name.
        fresh: whether runs are independent draws; see
            :attr:`affidavit.initialization.strategies.Strategy.fresh`.
        limits: the user's intent.
        target: the validation accuracy that was looked for, or None.
        stopped: the limit that ended the search, or "interrupted".
        seconds: of this call.
        rows: by part of the data.
        settings: all that the results depend on.
    """

    runs: tuple[Run, ...]
    chosen: Run
    model: nn.Module
    strategy: str
    fresh: bool
    limits: Limits
    target: float | None
    stopped: Stopped
    seconds: float
    rows: Mapping[str, int]
    settings: Mapping[str, str]

    def __repr__(self) -> str:
        return (
            f"SearchResult({self.strategy}, {len(self.runs)} runs, validation accuracy"
            f" {self.chosen.accuracy:.4f}, gain {self.gain:+.4f}, stopped by {self.stopped})"
        )

    @property
    def first(self) -> Run:
        """The run before any search."""
        return self.runs[0]

    @property
    def gain(self) -> float:
        """Validation accuracy of the chosen run less that of the first: the paper's gain.

        Both were compared on these rows, so that it promises too much;
        :mod:`affidavit.initialization.evidence` says what is left on rows that chose nothing.
        """
        return self.chosen.accuracy - self.first.accuracy

    @cached_property
    def complete(self) -> tuple[Run, ...]:
        """The runs that were trained to their end."""
        return tuple(run for run in self.runs if run.state == "complete")

    @property
    def accuracies(self) -> NDArray[np.float64]:
        """Validation accuracy of each run, NaN of a failed one, [run]."""
        return np.array([run.accuracy for run in self.runs])

    def correct(self, part: Literal["validation", "test"]) -> NDArray[np.bool_]:
        """Whether each complete run predicts each row of a part right, [run, row].

        Raises DataError where the data have no such part.
        """
        rows = [self._bits(run, part) for run in self.complete]
        return np.stack(rows)

    @property
    def place(self) -> int:
        """Where the chosen run stands among the complete ones."""
        return self.complete.index(self.chosen)

    def _bits(self, run: Run, part: str) -> Bits:
        found = run.test if part == "test" else run.validation
        if found is None:
            raise DataError(
                f"there are no rows in a part {part!r}: nothing was kept from choosing. Expected a"
                " split with train, validation and test."
            )
        return found


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of a network by name, as a safetensors file takes them."""
    return {
        # Copies: tensors that share their memory cannot be written.
        name: value.detach().cpu().contiguous().clone()
        for name, value in model.state_dict().items()
        if isinstance(value, Tensor)  # a module may keep more than that
    }
