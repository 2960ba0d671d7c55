"""Label change rates, and the votes of mutants that they are made of."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from affidavit.errors import DomainError
from affidavit.mutation.edits import Model, Mutant
from affidavit.mutation.evaluation import BATCH_SIZE, check, evaluator
from affidavit.progress import shown


def label_change_rate(
    model: Model,
    mutants: Iterable[Mutant],
    inputs: Tensor,
    *,
    batch_size: int = BATCH_SIZE,
    engine: str = "auto",
    progress: bool = False,
) -> Tensor:
    """The share of mutants that predict another class than the model (equation 6).

    `LCR(x) = |{i : f_i(x) ≠ f(x)}| / |F|`. The larger, the more likely is the model wrong at x.

    Args:
        model: the module, or a graph of it: mutants name tensors, which both have. A graph is made
            of a module on every call; to ask often, make it once with `affidavit.graph.load`.
        mutants: made of this model, one or more.
        inputs: [batch, ...], finite; none give an empty answer.
        batch_size: inputs at once.
        engine: `graph` computes only what each mutant changes; `module` edits the module in memory
            and runs all of it; `auto` takes the graph where there is one.
        progress: whether a bar is shown on stderr.

    Returns:
        Rates in [0, 1], [batch], float64.

    Raises:
        DomainError: no mutants, or an option out of range.
        DataError: inputs that are no floating batch, or NaN.
        ModelError: mutants of another model; scores of the model that are NaN or infinite.

    Guarantee: `exact` but for rounding: batch norms are folded and differences added, so that two
    scores within about 1e-5 of each other, in single precision, may change places. Source: Wu,
    Michel and Briot, equation 6; Wang et al. 2019.
    """
    changed = votes(model, mutants, inputs, batch_size=batch_size, engine=engine, progress=progress)
    return changed.double().mean(0)


def votes(
    model: Model,
    mutants: Iterable[Mutant],
    inputs: Tensor,
    *,
    batch_size: int = BATCH_SIZE,
    engine: str = "auto",
    progress: bool = False,
) -> Tensor:
    """Whether each mutant predicts another class than the model, [mutant, batch], bool.

    Arguments and errors as those of :func:`label_change_rate`, which is the mean over mutants.
    """
    found = predictions(
        model, mutants, inputs, batch_size=batch_size, engine=engine, progress=progress
    )
    return found[1:] != found[0]


def predictions(
    model: Model,
    mutants: Iterable[Mutant],
    inputs: Tensor,
    *,
    batch_size: int = BATCH_SIZE,
    engine: str = "auto",
    progress: bool = False,
) -> Tensor:
    """Predicted classes, [1 + mutant, batch], int64: the model's own first.

    Arguments and errors as those of :func:`label_change_rate`.
    """
    given = several(mutants)
    check(inputs, batch_size)
    ready = evaluator(model, inputs, engine) if len(inputs) else None
    found = torch.zeros((1 + len(given), len(inputs)), dtype=torch.int64)
    if ready is None:
        return found
    ready.require(given)
    with ready.ready(), shown(progress, "inputs times mutants") as bar:
        for place, opened in ready.blocks(inputs, batch_size):
            found[0, place] = opened.own.cpu()
            for number, mutant in enumerate(given, 1):
                found[number, place] = opened.of(mutant).cpu()
                if bar is not None:
                    done = place.start * len(given) + number * (place.stop - place.start)
                    bar(done, len(inputs) * len(given))
    return found


def several(mutants: Iterable[Mutant]) -> tuple[Mutant, ...]:
    """The mutants. Raises DomainError for none."""
    found = tuple(mutants)
    if not found:
        raise DomainError("no mutants: a rate over none has no meaning")
    return found
