"""Drawing mutants until enough of them are nearly as accurate as the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from affidavit.errors import DataError, DomainError, ModelError
from affidavit.graph import Graph
from affidavit.mutation.edits import Model, Mutant, tensors_of
from affidavit.mutation.evaluation import BATCH_SIZE, Evaluator, check, evaluator
from affidavit.mutation.layers import chosen, layers_of
from affidavit.mutation.mutant_set import Mutants
from affidavit.mutation.operators import Draw, drawing
from affidavit.progress import Progress, shown

_TOGETHER = 64


def mutants(
    model: Model,
    *,
    operator: str = "NAI",
    rate: float,
    n: int = 100,
    keep_above: float = 0.9,
    inputs: Tensor,
    labels: ArrayLike | Tensor,
    seed: int = 0,
    scheme: str = "wu",
    unit: str | None = None,
    layers: Sequence[str] | None = None,
    spread: float = 1.0,
    attempts: int | None = None,
    batch_size: int = BATCH_SIZE,
    engine: str = "auto",
    progress: bool = False,
) -> Mutants:
    """Mutants of a model that keep most of its accuracy.

    Candidates are drawn one after another, and one is kept when its accuracy on the validation
    inputs is at least `keep_above` times the model's, until `n` are found. Each is stored as the
    edits that make it.

    Args:
        model: a module, evaluated in evaluation mode and left as it was, or a graph.
        operator: `NAI`, `GF`, `WS` or `NS`, see :mod:`affidavit.mutation.operators`.
        rate: share of the units that a mutant changes, above 0 and at most 1. At least one unit is
            changed (by NS two); how many there are is in the answer.
        n: how many mutants.
        keep_above: least share of the model's accuracy, above 0 and at most 1.
        inputs, labels: validation data, [batch, ...] and [batch] whole numbers.
        seed: of the drawing. Candidate i depends on the seed and i alone.
        scheme: whose definition of the operator, `wu`, `wang` or `deepmutation`.
        unit: `filter`, `kernel` or `weight` in place of the scheme's own.
        layers: names of layers to mutate; left out, all that the scheme mutates.
        spread: factor of the standard deviation of GF.
        attempts: most candidates; left out, `20 n + 100`.
        batch_size: inputs at once.
        engine: see :func:`affidavit.mutation.evaluation.evaluator`.
        progress: whether a bar is shown on stderr.

    Returns:
        The mutants, the first `n` good ones in the order of drawing.

    Raises:
        DomainError: an unknown word, or a number out of range.
        DataError: inputs and labels that do not fit, are empty or not finite.
        ModelError: no layer to mutate, a layer that does not exist, or too few mutants within
            `attempts`: the message has the best accuracy seen.

    Source: Wu, Michel and Briot, section 4.2; Wang et al. 2019. Guarantee: `empirical`.
    """
    check(inputs, batch_size)
    truth = _labels(labels, inputs)
    limit = 20 * n + 100 if attempts is None else attempts
    if n < 1 or limit < n:
        raise DomainError(f"{n} mutants of at most {limit} candidates; expected 1 or more of both")
    if not 0 < keep_above <= 1:
        raise DomainError(
            f"keep_above is {keep_above}; expected a share of the accuracy above 0 and at most 1"
        )
    ready = evaluator(model, inputs, engine)
    found = layers_of(model, inputs)
    draw = drawing(
        operator, scheme, rate, found if layers is None else chosen(found, layers),
        tensors_of(model), parameters_of(model), unit=unit, spread=spread,
    )  # fmt: skip
    with ready.ready(), shown(progress, f"mutants by {operator}") as bar:
        search = _Search(ready, draw, inputs, truth, keep_above, batch_size, seed)
        kept, tried = search.run(n, limit, bar)
    return Mutants(
        tuple(kept), operator, scheme, draw.unit, draw.rate, seed, draw.units,
        search.right / len(inputs), keep_above, tried,
    )  # fmt: skip


def parameters_of(model: Model) -> tuple[str, ...]:
    """Names of the parameters."""
    if isinstance(model, Graph):
        return model.parameters
    return tuple(name for name, _ in model.named_parameters())


class _Search:
    """Candidates drawn and evaluated, some together so that they share the model's own values."""

    def __init__(
        self, ready: Evaluator, draw: Draw, inputs: Tensor, labels: Tensor, keep_above: float,
        batch_size: int, seed: int,
    ) -> None:  # fmt: skip
        self.ready, self.draw, self.seed = ready, draw, seed
        self.inputs, self.labels, self.batch_size = inputs, labels, batch_size
        self.right = sum(
            int((opened.own == labels[place]).sum())
            for place, opened in ready.blocks(inputs, batch_size)
        )
        # In whole inputs, with room for the rounding of the product.
        self.needed = keep_above * self.right - 1e-9 * len(inputs)
        self.best = 0
        self.found = False

    def run(self, n: int, limit: int, bar: Progress | None) -> tuple[list[Mutant], int]:
        kept: list[Mutant] = []
        tried = 0
        while tried < limit:
            together = min(_TOGETHER, limit - tried, 2 * (n - len(kept)) + 4)
            numbers = range(tried, tried + together)
            candidates = [self.draw(np.random.default_rng([self.seed, i])) for i in numbers]
            for candidate, right in zip(candidates, self._right(candidates), strict=True):
                tried += 1
                self.best = max(self.best, right)
                if right >= self.needed:
                    self.found = True
                    kept.append(replace(candidate, accuracy=right / len(self.inputs)))
                if len(kept) == n:
                    return kept, tried
            if bar is not None:
                bar(len(kept), n)
        accuracy, best = (100 * count / len(self.inputs) for count in (self.right, self.best))
        raise ModelError(
            f"{len(kept)} of {limit} candidates by {self.draw.operator} at rate"
            f" {self.draw.rate:g} ({candidates[-1].units} of {self.draw.units} units) keep the"
            f" accuracy asked for, {100 * self.needed / len(self.inputs):.1f} % (the model has"
            f" {accuracy:.1f} %), where {n} were wanted. The best seen has {best:.1f} %. Lower the"
            " rate or keep_above, or allow more attempts."
        )

    def _right(self, candidates: list[Mutant]) -> list[int]:
        """How many inputs each candidate gets right; of hopeless ones, so far.

        While none was good enough, the best of the others is told in full: an error names it.
        """
        least = self.needed if self.found else min(self.needed, self.best + 1)
        right = [0] * len(candidates)
        left = len(self.inputs)
        hopeful = list(range(len(candidates)))
        for place, opened in self.ready.blocks(self.inputs, self.batch_size):
            labels = self.labels[place]
            left -= len(labels)
            for number in hopeful:
                right[number] += int((opened.of(candidates[number]) == labels).sum())
            hopeful = [number for number in hopeful if right[number] + left >= least]
            if not hopeful:
                break
        return right


def _labels(labels: ArrayLike | Tensor, inputs: Tensor) -> Tensor:
    found = labels if isinstance(labels, Tensor) else torch.from_numpy(np.asarray(labels).copy())
    if found.is_floating_point() or found.is_complex() or found.dtype == torch.bool:
        raise DataError(f"the labels are {found.dtype}; expected whole numbers")
    if found.shape != inputs.shape[:1]:
        raise DataError(
            f"{len(inputs)} inputs, but labels of the shape {list(found.shape)}; expected one each"
        )
    if not len(inputs):
        raise DataError("no validation inputs: a mutant's accuracy needs at least one")
    return found.to(inputs.device)
