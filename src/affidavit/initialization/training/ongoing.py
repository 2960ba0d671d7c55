"""Training that can go on: networks, how far they are, and what they get right."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import torch
from torch import Tensor, nn

from affidavit.errors import DomainError
from affidavit.initialization.training.checks import (
    checked_labels,
    checked_models,
    checked_rows,
    checked_seeds,
    checked_threads,
)
from affidavit.initialization.training.cohort import Cohort, Rows
from affidavit.initialization.training.dense import DenseCohort
from affidavit.initialization.training.layers import layers_of
from affidavit.initialization.training.single import SingleCohort
from affidavit.initialization.training.threads import carry_out
from affidavit.initialization.training.trainer import Trainer


@dataclass(frozen=True, eq=False)
class _State:
    """Where training is after an epoch.

    Attributes:
        epochs: how many were run.
        cohorts: networks that are trained in one way.
        places: of each cohort's networks, their positions among all.
        losses: mean over each epoch, [epoch, model], float64.
        diverged: [model].
    """

    epochs: int
    cohorts: tuple[Cohort, ...]
    places: tuple[tuple[int, ...], ...]
    losses: Tensor
    diverged: Tensor


class _Models(Sequence[nn.Module]):
    """Modules of a state, each made when it is first asked for."""

    def __init__(self, state: _State) -> None:
        self._where = {
            place: (cohort, one)
            for cohort, places in zip(state.cohorts, state.places, strict=True)
            for one, place in enumerate(places)
        }
        self._made: dict[int, nn.Module] = {}

    def __len__(self) -> int:
        return len(self._where)

    @overload
    def __getitem__(self, position: int) -> nn.Module: ...
    @overload
    def __getitem__(self, position: slice) -> list[nn.Module]: ...
    def __getitem__(self, position: int | slice) -> nn.Module | list[nn.Module]:
        if isinstance(position, slice):
            return [self[one] for one in range(len(self))[position]]
        place = range(len(self))[position]
        if place not in self._made:
            cohort, one = self._where[place]
            self._made[place] = cohort.module(one)
        return self._made[place]


class Training:
    """Networks being trained; :meth:`Trainer.begin` makes it.

    Networks do not see one another: together or apart, in any order, 3 epochs and then 2 or 5 at
    once, they come out the same, to floating-point tolerance, as sums of products may be taken in
    another order: an epoch in float64 to some 1e-14 of the weights, in float32 to some 1e-6, unless
    rounding turns a ReLU on or off for a row, which moves weights by a step on that row.
    """

    def __init__(
        self,
        trainer: Trainer,
        models: Sequence[nn.Module],
        inputs: Tensor,
        labels: Tensor,
        seeds: Sequence[int],
        *,
        threads: int | None = None,
    ) -> None:
        self.trainer = trainer
        self._threads = checked_threads(threads)
        self._seeds = checked_seeds(seeds, len(models))
        device, classes = checked_models(models, inputs)
        right = checked_labels(labels, len(inputs), classes)
        self._rows = Rows(
            inputs.detach().to(device).contiguous(), right.to(device), trainer.batch_size
        )
        self._shape = inputs.shape[1:]
        cohorts, places = self._cohorts(models)
        nothing = torch.zeros(len(models), dtype=torch.bool)
        losses = torch.zeros(0, len(models), dtype=torch.float64)
        self._state = _State(0, cohorts, places, losses, nothing)

    def __len__(self) -> int:
        return len(self._seeds)

    @property
    def epochs(self) -> int:
        """How many epochs were run."""
        return self._state.epochs

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the models."""
        return self._seeds

    @property
    def losses(self) -> Tensor:
        """Mean training loss over each epoch, as it went on, [epoch, model], float64.

        NaN from the epoch after the one in which a model diverged.
        """
        return self._state.losses.clone()

    @property
    def diverged(self) -> Tensor:
        """Whose loss or weights are NaN or infinite, [model], bool; they are trained no more."""
        return self._state.diverged.clone()

    @property
    def failures(self) -> list[str]:
        """Why each network is trained no more, or ""."""
        return [
            "its loss or its weights became NaN or infinite" if one else ""
            for one in self._state.diverged.tolist()
        ]

    @property
    def models(self) -> Sequence[nn.Module]:
        """The networks as they are now, in evaluation mode; each is made when first asked for."""
        return _Models(self._state)

    def run(
        self, epochs: int | None = None, progress: Callable[[int, int], object] | None = None
    ) -> None:
        """Trains all networks for so many more epochs.

        Args:
            epochs: left out, as many as the trainer has.
            progress: called after each epoch with how many are done, and how many there will be.

        An exception, as KeyboardInterrupt, leaves everything as it was after the last whole epoch
        of all networks; another call goes on from there.

        Raises:
            DomainError: fewer than 0 epochs.
            ModelError: a model fails on a batch.
        """
        count = self.trainer.epochs if epochs is None else epochs
        if count < 0:
            raise DomainError(f"epochs is {count}; expected 0 or more")
        for done in range(count):
            self._state = self._next(self._state)
            if progress is not None:
                progress(done + 1, count)

    def correct(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Which rows each network classifies as labelled, in evaluation mode.

        Args:
            inputs: [row, ...], as those that were trained on.
            labels: [row], int64; a class that the networks do not have is never right.

        Returns:
            bool, [model, row], on the CPU. A network that diverged is never right.

        Raises:
            DataError: inputs of another shape or type, or labels that do not fit.
        """
        seen, right = checked_rows(inputs, labels, self._rows.inputs)
        found = torch.zeros(len(self), len(right), dtype=torch.bool)
        for cohort, places in self._each():
            found[list(places)] = cohort.correct(seen, right)
        found[self._state.diverged] = False
        return found

    def keep(self, positions: Sequence[int]) -> None:
        """Goes on with these networks only, in this order.

        Args:
            positions: among the networks that there are now.

        Raises:
            DomainError: one that there is not, or one twice.
        """
        chosen = [int(one) for one in positions]
        if len(set(chosen)) < len(chosen) or not set(chosen) <= set(range(len(self))):
            raise DomainError(
                f"positions to keep are {chosen}; expected different ones from 0 to {len(self) - 1}"
            )
        state, cohorts, places = self._state, [], []
        for cohort, there in self._each():
            found = [
                (chosen.index(place), one) for one, place in enumerate(there) if place in chosen
            ]
            if found:
                places.append(tuple(new for new, _ in found))
                cohorts.append(cohort.kept([one for _, one in found]))
        losses, diverged = state.losses[:, chosen], state.diverged[chosen]
        seeds = tuple(self._seeds[one] for one in chosen)
        self._state = _State(state.epochs, tuple(cohorts), tuple(places), losses, diverged)
        self._seeds = seeds

    def _cohorts(
        self, models: Sequence[nn.Module]
    ) -> tuple[tuple[Cohort, ...], tuple[tuple[int, ...], ...]]:
        """The networks by structure: dense ones that share it together, then all others."""
        groups: dict[Any, list[int]] = {}
        for place, model in enumerate(models):
            layers = layers_of(model, self._shape)
            groups.setdefault(None if layers is None else (layers, repr(model)), []).append(place)
        cohorts: list[Cohort] = []
        for key, places in groups.items():
            members, seeds = [models[one] for one in places], [self._seeds[one] for one in places]
            if key is None:
                cohorts.append(SingleCohort.of(members, self.trainer.torch_optimizer, seeds))
            else:
                cohorts.append(DenseCohort.of(members, key[0], self.trainer.rule, seeds))
        return tuple(cohorts), tuple(map(tuple, groups.values()))

    def _each(self) -> list[tuple[Cohort, tuple[int, ...]]]:
        return list(zip(self._state.cohorts, self._state.places, strict=True))

    def _next(self, state: _State) -> _State:
        """The state after one more epoch."""
        stopped = threading.Event()
        losses = torch.full((len(self),), float("nan"), dtype=torch.float64)
        diverged, cohorts = state.diverged.clone(), []
        for cohort, places in self._each():
            alive = [one for one, place in enumerate(places) if not state.diverged[place]]
            tasks = cohort.tasks(self._rows, state.epochs, alive, self._threads, stopped)
            outcomes = carry_out(tasks, self._threads if cohort.parallel else 1, stopped)
            if alive:
                cohort, found = cohort.after(alive, outcomes)
                losses[[places[one] for one in alive]] = found
                diverged[list(places)] |= ~cohort.finite()
            cohorts.append(cohort)
        diverged |= ~losses.isfinite()
        return replace(
            state,
            epochs=state.epochs + 1,
            cohorts=tuple(cohorts),
            losses=torch.cat([state.losses, losses[None]]),
            diverged=diverged,
        )
