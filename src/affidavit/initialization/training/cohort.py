"""What the ways to train have in common: networks of one structure, as an epoch has left them."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor, nn

Task: TypeAlias = Callable[[], Any]


@dataclass(frozen=True, eq=False)
class Rows:
    """What is trained on.

    Attributes:
        inputs: [row, ...].
        labels: right classes, [row], int64.
        batch_size: rows a step.
    """

    inputs: Tensor
    labels: Tensor
    batch_size: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def steps(self) -> int:
        """Batches an epoch, the last of which may be smaller."""
        return -(-len(self) // self.batch_size)


class Cohort(ABC):
    """Networks that are trained in one way, after some epochs. It never changes.

    An epoch is a list of tasks that work on copies; their outcomes make the next cohort. So what
    is interrupted leaves nothing behind.
    """

    @property
    @abstractmethod
    def parallel(self) -> bool:
        """Whether tasks can run beside one another in threads."""

    @abstractmethod
    def tasks(
        self, rows: Rows, epoch: int, alive: Sequence[int], threads: int, stopped: threading.Event
    ) -> list[Task]:
        """The work of an epoch.

        Args:
            rows: what is trained on.
            epoch: counted from 0.
            alive: positions of the networks that are trained, ascending.
            threads: how many tasks can run at a time.
            stopped: tasks give up, and return anything, once it is set.
        """

    @abstractmethod
    def after(self, alive: Sequence[int], outcomes: Sequence[Any]) -> tuple[Cohort, Tensor]:
        """The cohort after the epoch, and the mean loss of each living network, [model]."""

    @abstractmethod
    def finite(self) -> Tensor:
        """Whether all weights are, [model], bool, on the CPU."""

    @abstractmethod
    def kept(self, positions: Sequence[int]) -> Cohort:
        """The cohort of these networks only, in this order."""

    @abstractmethod
    def module(self, position: int) -> nn.Module:
        """One network, as a module of its own."""

    @abstractmethod
    def correct(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Which rows are classified as labelled, [model, row], bool, on the CPU."""
