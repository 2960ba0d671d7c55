"""Label changes decided one mutant after another, until each input is decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affidavit.errors import DomainError
from affidavit.mutation.edits import Model, Mutant
from affidavit.mutation.evaluation import BATCH_SIZE, Opened, check, evaluator
from affidavit.mutation.rates import several
from affidavit.mutation.sequential import SequentialTest
from affidavit.progress import shown

# Decided inputs are dropped when this share is left: to drop them copies the others' values.
_COMPACT = 0.75


@dataclass(frozen=True, eq=False)
class SequentialDecisions:
    """What a sequential test found of each input.

    Attributes:
        test: the test.
        unstable: whether it ended with H1, the label changes often, [batch], bool.
        used: mutants until it ended, [batch], int64.
        rate: share of these that changed the label, [batch], float64.
    """

    test: SequentialTest
    unstable: Tensor
    used: Tensor
    rate: Tensor


def sequential_label_change(
    model: Model,
    mutants: Iterable[Mutant],
    inputs: Tensor,
    p0: float,
    p1: float,
    *,
    alpha: float = 0.05,
    beta: float = 0.05,
    truncation: int | None = None,
    threshold: float | None = None,
    batch_size: int = BATCH_SIZE,
    engine: str = "auto",
    progress: bool = False,
) -> SequentialDecisions:
    """Whether the label change rate of each input is high, with as few mutants as it takes.

    Mutants are tried in their order, which must be random with respect to their effect, as that of
    :func:`affidavit.mutation.mutants` is. Inputs that are decided leave the batch.

    Args:
        model, inputs, batch_size, engine, progress: as in
            :func:`affidavit.mutation.label_change_rate`.
        mutants: of this model, at least `truncation`.
        p0, p1, alpha, beta, threshold: of :class:`SequentialTest`, which has their meaning.
        truncation: most mutants for an input; left out, all that there are.

    Raises:
        DomainError: numbers out of range, no mutants, or fewer than `truncation`.
        DataError, ModelError: as :func:`affidavit.mutation.label_change_rate`.

    Guarantee: `statistical`, over the drawing of the mutants: see
    :func:`affidavit.mutation.operating_characteristics`. Source: Wald 1945; Wang et al. 2019.
    """
    given = several(mutants)
    check(inputs, batch_size)
    most = len(given) if truncation is None else truncation
    test = SequentialTest(p0, p1, alpha, beta, most, threshold)
    if most > len(given):
        raise DomainError(f"truncation is {most}, but there are {len(given)} mutants")
    size = (len(inputs),)
    unstable = np.zeros(size, bool)
    used, changed = np.zeros(size, np.int64), np.zeros(size, np.int64)
    if len(inputs):
        ready = evaluator(model, inputs, engine)
        ready.require(given)
        with ready.ready(), shown(progress, "inputs decided") as bar:
            for place, opened in ready.blocks(inputs, batch_size):
                unstable[place], used[place], changed[place] = _decided(opened, given, test)
                if bar is not None:
                    bar(place.stop, len(inputs))
    return SequentialDecisions(
        test,
        torch.from_numpy(unstable),
        torch.from_numpy(used),
        torch.from_numpy(changed / np.maximum(used, 1)),
    )


def _decided(
    opened: Opened, mutants: tuple[Mutant, ...], test: SequentialTest
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], ...]:
    """Decision, mutants used and changes of each input of a block."""
    size = len(opened.own)
    decision = np.full(size, -1, np.int64)
    used, changed = np.zeros(size, np.int64), np.zeros(size, np.int64)
    rows = np.arange(size)  # inputs still evaluated
    for number, mutant in enumerate(mutants[: test.truncation], 1):
        moved = (opened.of(mutant) != opened.own).cpu().numpy()
        open_ = decision[rows] < 0
        changed[rows[open_]] += moved[open_]
        used[rows[open_]] = number
        decision[rows[open_]] = test.decide(changed[rows[open_]], number)
        open_ = decision[rows] < 0
        if not open_.any():
            break
        if open_.sum() <= _COMPACT * len(rows):
            opened = opened.keep(torch.from_numpy(open_).to(opened.own.device))
            rows = rows[open_]
    return decision == 1, used, changed
