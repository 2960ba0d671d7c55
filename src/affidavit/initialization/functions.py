"""A training function of the user's, trained one network after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from affidavit.errors import DataError
from affidavit.initialization.training.classification import logits
from affidavit.seeding import seeded

TrainFunction: TypeAlias = Callable[[nn.Module, Tensor, Tensor, int], Any]
"""(model, inputs, labels, seed) -> anything; trains the model in place."""

_ROWS = 1024  # evaluated at once


class TrainingRun(Protocol):
    """Networks that are trained together.

    `run` trains for so many more epochs; `correct` says of each network and row whether it is
    predicted right, [model, row]; `keep` goes on with the networks at these positions only;
    `failures` says of each network why it failed, or "".
    """

    @property
    def models(self) -> Sequence[nn.Module]: ...
    @property
    def failures(self) -> Sequence[str]: ...
    def run(self, epochs: int) -> None: ...
    def correct(self, inputs: Tensor, labels: Tensor) -> Tensor: ...
    def keep(self, positions: Sequence[int]) -> None: ...


@dataclass(frozen=True)
class ByFunction:
    """A training function in the place of a trainer: one call is one epoch, and all there are."""

    function: TrainFunction
    epochs: int = 1

    def __repr__(self) -> str:
        return _named(self.function)

    def begin(
        self, models: Sequence[nn.Module], inputs: Tensor, labels: Tensor, seeds: Sequence[int]
    ) -> FunctionTraining:
        """Networks to be trained, each under its seed."""
        return FunctionTraining(self.function, list(models), inputs, labels, list(seeds))


class FunctionTraining:
    """The networks of :meth:`ByFunction.begin`."""

    def __init__(
        self,
        function: TrainFunction,
        models: list[nn.Module],
        inputs: Tensor,
        labels: Tensor,
        seeds: list[int],
    ) -> None:
        self.models = models
        self.failures = [""] * len(models)
        self._given = (function, inputs, labels)
        self._seeds = seeds

    def run(self, epochs: int) -> None:
        """Calls the function for each network. What it raises is a failure of that network."""
        function, inputs, labels = self._given
        for _ in range(epochs):
            for place, (model, seed) in enumerate(zip(self.models, self._seeds, strict=True)):
                if self.failures[place]:
                    continue
                try:
                    with seeded(seed), torch.enable_grad():
                        # Copies, as a function may shuffle or scale them in place.
                        function(model, inputs.clone(), labels.clone(), seed)
                except Exception as error:  # whatever the user's code raises
                    self.failures[place] = f"{type(error).__name__}: {error}"
                    continue
                if not _finite(model):
                    self.failures[place] = "the weights are NaN or infinite"

    def correct(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Whether each network predicts each row right, [model, row]; a failed one does not."""
        found = torch.zeros(len(self.models), len(labels), dtype=torch.bool)
        for place, model in enumerate(self.models):
            if not self.failures[place]:
                found[place] = _right(model, inputs, labels)
        return found

    def keep(self, positions: Sequence[int]) -> None:
        """Goes on with the networks at these positions only."""
        self.models = [self.models[place] for place in positions]
        self.failures = [self.failures[place] for place in positions]
        self._seeds = [self._seeds[place] for place in positions]


def _named(value: object) -> str:
    """A function by its name, with the arguments that are fixed; anything else as written."""
    if isinstance(value, partial):
        given = [*map(_named, value.args)]
        given += [f"{key}={_named(one)}" for key, one in sorted(value.keywords.items())]
        return f"{_named(value.func)}({', '.join(given)})"
    if not callable(value):
        return repr(value)
    name = getattr(value, "__qualname__", type(value).__qualname__)
    return f"{getattr(value, '__module__', '')}.{name}"


@torch.no_grad()
def _right(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    """Whether the greatest logit is the label's, [row]; a row with NaN is wrong.

    The model is evaluated in evaluation mode, and left in the mode that it was in.
    """
    device = next((value.device for value in model.parameters()), inputs.device)
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        parts = [logits(model, rows.to(device, copy=True)) for rows in torch.split(inputs, _ROWS)]
    finally:
        for part, mode in modes.items():
            part.training = mode
    scores = torch.cat(parts).cpu()
    if int(labels.max()) >= scores.shape[1]:
        raise DataError(
            f"the model gives {scores.shape[1]} logits, but there is a label {int(labels.max())};"
            " expected one for every class"
        )
    return (scores.argmax(1) == labels) & ~scores.isnan().any(1)


def _finite(model: nn.Module) -> bool:
    values = (*model.parameters(), *model.buffers())
    return all(bool(value.isfinite().all()) for value in values if value.is_floating_point())
