"""Training the networks that a claim is about, once for all claims that are about the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from affidavit.contract.context import Context
from affidavit.contract.explaining import channels_last
from affidavit.contract.trained import Structure, TrainedClaim
from affidavit.data import Dataset
from affidavit.errors import ContractError, DataError, ModelError
from affidavit.initialization.training.classification import logits
from affidavit.initialization.training.structures import SmallCNN
from affidavit.progress import bar

if TYPE_CHECKING:
    from affidavit.contract.specification import Preprocessing
    from affidavit.initialization.limits import Limits
    from affidavit.initialization.result import SearchResult
    from affidavit.initialization.standing import Progress, Standing
    from affidavit.initialization.strategies import Strategy

_LOOKED_AT = 16  # rows
# Probabilities of a row sum to 1, as far as single precision goes.
_WHOLE = 1e-5

_EXAMPLE = "[data] split = { train = 0.6, validation = 0.2, test = 0.2 }"


def training_data(context: Context) -> Dataset:
    """The data as networks are trained on them: normalised where [model] says so.

    Raises DataError for targets of regression.
    """
    data = context.dataset
    if data.regression or not data.class_names:
        raise DataError(f"{data.name} has no classes: its labels are numbers to be regressed")
    steps = context.preprocessing
    if steps is None:
        return data
    axis = -1 if data.inputs.ndim == 4 and channels_last(context) else 0
    return context.kept("normalised data", lambda: _normalised(data, steps, axis))


def require_parts(data: Dataset, *names: str) -> None:
    """Raises DataError unless the data have rows in each part."""
    for name in names:
        if name not in data.parts:
            raise DataError(
                f"{data.name} has no part {name!r}, only: {', '.join(data.parts)}. Networks are"
                " trained on one part, compared on another and judged on a third; expected such as"
                f" {_EXAMPLE}"
            )


def trained(
    claim: TrainedClaim, context: Context, data: Dataset, strategy: Strategy, limits: Limits
) -> SearchResult:
    """The networks that a claim is about, trained.

    Claims of one contract that ask for the same share what was trained. The storage of a claim
    holds a study by the claim's id, so that several claims may name one file.

    Raises:
        ContractError: no structure is named, and [model] gives none.
        DataError, ModelError, OutputError, DomainError: as of
            :func:`affidavit.initialization.searching.search`.
        KeyboardInterrupt: it was interrupted; what was trained is in the storage.
    """
    key = (
        "search",
        repr((claim.structure, claim.trainer, strategy, limits, claim.storage)),
        tuple((name, rows.tobytes()) for name, rows in data.parts.items()),
    )

    def search() -> SearchResult:
        # Optuna takes a while to import, which other claims do not have to wait for.
        from affidavit.initialization.searching import search

        make = networks(claim, context, data, strategy)
        with _progress(context) as progress:
            found = search(
                make,
                data,
                **dataclasses.asdict(limits),
                strategy=strategy,
                train=claim.trainer,
                seed=context.seed,
                storage=_storage(claim.storage, context),
                name=claim.id,
                progress=progress,
            )
        if found.stopped == "interrupted":
            # A search that was cut off is not the one that the claim is about.
            raise KeyboardInterrupt
        return found

    return context.kept(key, search)


def assumptions(claim: TrainedClaim, context: Context) -> list[str]:
    """What a statement about trained networks takes for granted, as far as all kinds share it."""
    if claim.structure is not None:
        which = (
            "The structure is the one that the claim names: the model in [model], with its weights,"
            " takes no part in this statement."
        )
    else:
        name = "" if context.factory is None else f" {context.factory.source}"
        which = (
            f"Every run calls the factory{name} anew, under a seed of its own; weights that [model]"
            " names are not loaded."
        )
    said = [
        which,
        f"Every network is {claim.training} with softmax cross-entropy on the"
        f" {len(context.part('train')):,} rows of 'train'. What is stated is stated of this"
        " way to train, never of the structure however it is trained.",
    ]
    if context.preprocessing is not None:
        said.append("Inputs are normalised first, as [model] preprocessing says.")
    return said


def networks(
    claim: TrainedClaim, context: Context, data: Dataset, strategy: Strategy
) -> Callable[[], nn.Module]:
    """Gives a new network at each call, its weights from the global generators.

    Raises:
        ContractError: no structure is named, and [model] gives none.
        ModelError: the factory fails, gives probabilities, or the same weights under any seed.
    """
    structure = claim.structure
    if structure is not None:
        return _of_structure(structure, context, data)
    if context.factory is None:
        raise ContractError(
            "[model] is no factory, which could give new networks to train; expected the structure"
            " in the claim: hidden = [256, 256] for dense layers, channels = [16, 32] for a small"
            " convolutional network; or [model] source = package.module:function"
        )
    make = context.factory.load()

    def moved() -> Any:
        model = make()
        return model.to(context.device) if isinstance(model, nn.Module) else model

    _check_factory(moved, context, data, fresh=strategy.fresh)
    return moved


def _of_structure(structure: Structure, context: Context, data: Dataset) -> Callable[[], nn.Module]:
    shape, classes = data.inputs.shape[1:], len(data.class_names)
    if isinstance(structure, SmallCNN) and data.inputs.ndim == 4 and channels_last(context):
        raise ContractError(
            f"channels: convolutions take images as [channel, height, width], and the data give"
            f" {list(shape)}; leave out [data] channels_last, or name dense layers with hidden"
        )
    return lambda: structure.make(shape, classes).to(context.device)


def _check_factory(make: Callable[[], Any], context: Context, data: Dataset, fresh: bool) -> None:
    """Raises ModelError for a factory whose networks cannot be trained as they are meant to.

    Args:
        fresh: whether its networks have to differ by the seed.
    """
    from affidavit.initialization.start import Start

    start = Start(make, context.seed)
    first = start.first()
    inputs = torch.tensor(data.part("train").inputs[:_LOOKED_AT]).to(context.device)
    with torch.no_grad():
        outputs = logits(first.eval(), inputs)
    if outputs.shape[1] > 1 and bool(
        (outputs >= 0).all() & outputs.sum(1).sub(1).abs().lt(_WHOLE).all()
    ):
        raise ModelError(
            "the factory of [model] gives networks whose outputs are probabilities; expected logits"
            " to train with softmax cross-entropy: leave out the softmax at the end"
        )
    if not fresh:
        return
    second = start.fresh(start.run_seed(1))
    # By their order: Keras names the layers of each network anew.
    pairs = zip(first.parameters(), second.parameters(), strict=False)
    if all(one.equal(other) for one, other in pairs):
        raise ModelError(
            "the factory of [model] gives the same weights under any seed: there is nothing random"
            " to draw again. Expected one that seeds no generator, loads no weights and trains"
            " nothing"
        )


def _normalised(data: Dataset, steps: Preprocessing, axis: int) -> Dataset:
    def scaled(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        shape = [1] * (data.inputs.ndim - 1)
        shape[axis] = -1
        mean, std = (np.array(v, np.float64).reshape(shape) for v in (steps.mean, steps.std))
        found: np.ndarray[Any, Any] = ((values - mean) / std).astype(np.float32)
        return found

    return dataclasses.replace(
        data,
        inputs=scaled(data.inputs),
        lower=scaled(data.lower),
        upper=scaled(data.upper),
    )


def _storage(given: str | None, context: Context) -> str | None:
    """A file beside the contract, or a database's address."""
    if given is None or "://" in given:
        return given
    return str(context.folder / given)


@contextmanager
def _progress(context: Context) -> Iterator[Progress | None]:
    """Shows on stderr where a search stands, where progress is wanted."""
    if not context.progress:
        yield None
        return
    with bar(description="Training the first network") as update:

        def tell(standing: Standing) -> None:
            done: float = standing.trials
            total: float | None = standing.max_trial
            if total is None:
                done, total = standing.seconds, standing.max_time
            update(
                completed=done,
                total=total,
                description=f"Training: best {standing.best:.4f}, gain {standing.gain:+.4f}",
            )

        yield tell
