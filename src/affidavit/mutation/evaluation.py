"""Predictions of mutants, block by block of inputs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from affidavit.attribution.classifier import finite
from affidavit.attribution.model_state import preserved
from affidavit.errors import DataError, DomainError, EngineError, ModelError
from affidavit.graph import Graph, load
from affidavit.mutation.edits import Model, Mutant, mutated, require, tensors_of
from affidavit.mutation.folded import Folded, fold
from affidavit.mutation.runs import Block, block

Engine: TypeAlias = Literal["auto", "graph", "module"]

ENGINES: tuple[Engine, ...] = ("auto", "graph", "module")
BATCH_SIZE = 32
"""Inputs at once: few enough for their values to stay in the caches of a processor."""


class Opened(Protocol):
    """Some inputs at which mutants can be evaluated."""

    @property
    def own(self) -> Tensor:
        """Classes that the model itself predicts, [batch], int64."""

    def of(self, mutant: Mutant) -> Tensor:
        """Classes that the mutant predicts, [batch], int64."""

    def keep(self, kept: Tensor) -> Opened:
        """The same for some of the inputs, by a mask [batch]."""


@dataclass(frozen=True, eq=False)
class _InGraph:
    values: Block
    own: Tensor

    def of(self, mutant: Mutant) -> Tensor:
        return predicted(self.values.scores_of(mutant))

    def keep(self, kept: Tensor) -> Opened:
        return _InGraph(self.values.rows(kept), self.own[kept])


@dataclass(frozen=True, eq=False)
class _InModule:
    module: nn.Module
    inputs: Tensor
    own: Tensor

    def of(self, mutant: Mutant) -> Tensor:
        with mutated(self.module, mutant):
            return predicted(_scores(self.module(self.inputs), len(self.inputs)))

    def keep(self, kept: Tensor) -> Opened:
        return _InModule(self.module, self.inputs[kept], self.own[kept])


SHARED_BYTES = 2**28
"""Most memory for a model's own values, which its mutants share (unless one input needs more)."""


@dataclass(frozen=True, eq=False)
class Evaluator:
    """A model made ready for evaluating its mutants.

    Attributes:
        model: the module or graph.
        folded: its graph with batch norms folded, or None where the module itself is edited.
    """

    model: Model
    folded: Folded | None

    def require(self, mutants: tuple[Mutant, ...]) -> None:
        """Raises ModelError unless the mutants are of this model."""
        tensors = tensors_of(self.model)
        for mutant in mutants:
            require(mutant.edits, tensors)

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Evaluation mode without gradients; afterwards the model is as it was."""
        with torch.no_grad():
            if isinstance(self.model, Graph):
                yield
                return
            with preserved(self.model):
                self.model.eval()
                yield

    def blocks(self, inputs: Tensor, size: int) -> Iterator[tuple[slice, Opened]]:
        """The inputs, `size` at a time, with their place. Use within :meth:`ready`.

        Fewer at a time where the values that all mutants share would take more than
        :data:`SHARED_BYTES`; how many does not change the predictions but for rounding.
        """
        if self.folded is not None:
            of_one = self.folded.values_of_one * inputs.element_size()
            size = max(1, min(size, SHARED_BYTES // max(of_one, 1)))
        for start in range(0, len(inputs), size):
            part = inputs[start : start + size]
            yield slice(start, start + len(part)), self._open(part)

    def _open(self, inputs: Tensor) -> Opened:
        if self.folded is not None:
            values = block(self.folded, inputs)
            return _InGraph(values, predicted(finite(_scores(values.scores, len(inputs)))))
        assert isinstance(self.model, nn.Module)  # noqa: S101 - as made by evaluator
        own = predicted(finite(_scores(self.model(inputs), len(inputs))))
        return _InModule(self.model, inputs, own)


def evaluator(model: Model, inputs: Tensor, engine: str = "auto") -> Evaluator:
    """A model made ready, by the engine asked for.

    `graph` evaluates what a mutant changes and nothing else; `module` edits the module in memory
    and runs all of it; `auto` takes the graph where the module has one.

    Raises:
        DomainError: no such engine.
        ModelError: the model is neither a module nor a graph.
        EngineError: the engine `graph`, and the module has no graph; or `module` for a graph.
    """
    if engine not in ENGINES:
        raise DomainError(f"engine is {engine!r}; expected {', '.join(ENGINES)}")
    if not isinstance(model, nn.Module | Graph):
        raise ModelError(
            f"the model is a {type(model).__name__}; expected an nn.Module or a graph"
            " (affidavit.graph.load makes one of a file)"
        )
    if isinstance(model, Graph):
        if engine == "module":
            raise EngineError("a graph has no module to edit; use engine='graph'")
        if len(inputs):
            model.check_input(inputs)
        return Evaluator(model, fold(model, inputs))
    if engine == "module":
        return Evaluator(model, None)
    try:
        graph = load(model, inputs[:1])
        _require_names(model, graph)
        return Evaluator(model, fold(graph, inputs))
    except ModelError as error:
        if engine == "graph":
            raise EngineError(
                f"the module has no graph, so that engine='graph' cannot be used: {error}"
            ) from error
        return Evaluator(model, None)


def _require_names(model: nn.Module, graph: Graph) -> None:
    """Raises ModelError where the graph knows a tensor by another of its names than edits do."""
    every: dict[str, Tensor] = dict(model.named_buffers(remove_duplicate=False))
    every.update(model.named_parameters(remove_duplicate=False))
    second = (every.keys() - tensors_of(model).keys()) & graph.tensors.keys()
    if second:
        raise ModelError(
            f"the graph has {min(second)!r}, a second name of a tensor that is used twice"
        )


def check(inputs: Tensor, batch_size: int) -> None:
    """Raises DataError unless the inputs are a floating batch with finite values."""
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        kind = inputs.dtype if isinstance(inputs, Tensor) else type(inputs).__name__
        raise DataError(f"the inputs are {kind}; expected a floating tensor [batch, ...]")
    if inputs.ndim < 2 or 0 in inputs.shape[1:]:
        raise DataError(
            f"the inputs have the shape {list(inputs.shape)}; expected a batch such as"
            " [batch, channel, height, width]"
        )
    bad = ~torch.isfinite(inputs.flatten(1)).all(1)
    if bool(bad.any()):
        raise DataError(
            f"input {int(bad.nonzero()[0])} has values that are NaN or infinite ({int(bad.sum())}"
            f" of {len(inputs)} inputs): whether its label changes has no meaning"
        )
    if batch_size < 1:
        raise DomainError(f"batch_size is {batch_size}; expected at least 1")


def predicted(scores: Tensor) -> Tensor:
    """The class of the largest score, of equal ones the first, [batch]."""
    return scores.flatten(1).argmax(1)


def _scores(values: object, batch: int) -> Tensor:
    if not isinstance(values, Tensor) or values.ndim < 2 or len(values) != batch:
        seen = list(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ModelError(
            f"the model gave {seen} for a batch of {batch}; expected scores [batch, class]"
        )
    if values.flatten(1).shape[1] < 2:
        raise ModelError(
            f"the model gave {list(values.shape)}; expected a score for each of two or more"
            " classes. Of a single score, affidavit.attribution.two_classes.TwoClasses makes two."
        )
    return values.flatten(1)
