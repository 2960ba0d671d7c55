"""What the scale of the initial weights does to training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from affidavit.data import Dataset
from affidavit.errors import DomainError
from affidavit.initialization.parts import Parts
from affidavit.initialization.start import Start, moved
from affidavit.initialization.training import Trainer


@dataclass(frozen=True, eq=False)
class ScaleCurve:
    """How the training of one network went. Guarantee: `empirical`.

    Attributes:
        scale: by which its initial weights were multiplied.
        epochs: 0, before training, and after each epoch, [point].
        accuracy: on the validation part, [point].
        loss: mean softmax cross-entropy over the batches of the epoch as it went on, [point]; NaN
            at 0.
        diverged: whether weights or loss became NaN or infinite. Then the last point is that epoch,
            and accuracy and loss are NaN there.
    """

    scale: float
    epochs: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    loss: NDArray[np.float64]
    diverged: bool


def training_curves_by_scale(
    make_model: Callable[[], nn.Module],
    data: Dataset,
    scales: Sequence[float] = (0.01, 1.0, 10.0),
    *,
    train: Trainer | None = None,
    seed: int = 0,
) -> dict[float, ScaleCurve]:
    """Trains the same first network with its weights multiplied by each scale, epoch by epoch.

    Weights are what :func:`affidavit.initialization.start.moved` gives of two axes or more, biases
    aside; all else stays as it is. The order of rows is the same for all. Too small a scale begins
    on a plateau; too large a one diverges, gets stuck or ends worse.

    Args:
        make_model: gives a new network, as for :func:`affidavit.initialization.searching.search`,
            whose first run the scale 1 is.
        data: classes to predict, with parts `train` and `validation`.
        scales: different numbers above 0.
        train: how, and for how many epochs; left out, the trainer's own constants.
        seed: of the first weights and of the order of rows.

    Returns:
        A curve for each scale, in the given order.

    Raises:
        DomainError: scales that are none, or `train` that cannot stop after an epoch.
        DataError, ModelError: as for a search.

    Source: Pan, Nguyen and Ahmed, figure 2.
    """
    factors = _checked(scales)
    trainer = Trainer() if train is None else train
    if not isinstance(trainer, Trainer):
        raise DomainError(
            f"train is a {type(trainer).__name__}; expected a Trainer, which can be looked at after"
            " each epoch"
        )
    parts = Parts.of(data)
    start = Start(make_model, seed)
    models = [_scaled(start.first(), factor) for factor in factors]
    training = trainer.begin(models, *parts.train, [start.run_seed(0)] * len(models))
    points: list[list[list[float]]] = [[] for _ in factors]
    going = list(range(len(factors)))
    for epoch in range(trainer.epochs + 1):
        if epoch:
            training.run(1)
        accuracies = training.correct(*parts.validation).double().mean(1).tolist()
        losses = training.losses[-1].tolist() if epoch else [math.nan] * len(going)
        diverged = training.diverged.tolist()
        for number, over, *point in zip(going, diverged, accuracies, losses, strict=True):
            points[number].append([math.nan, math.nan] if over else point)
        going = [number for number, over in zip(going, diverged, strict=True) if not over]
        if not going:
            break
        if any(diverged):
            training.keep([place for place, over in enumerate(diverged) if not over])
    return {
        factor: _curve(factor, of, number not in going)
        for number, (factor, of) in enumerate(zip(factors, points, strict=True))
    }


def _scaled(model: nn.Module, factor: float) -> nn.Module:
    for name, value in moved(model):
        # A vector is a bias or a slope; attention has biases of more axes too.
        if value.ndim > 1 and "bias" not in name.rpartition(".")[2]:
            value *= factor
    return model


def _curve(factor: float, points: list[list[float]], diverged: bool) -> ScaleCurve:
    accuracy, loss = np.array(points, np.float64).T
    return ScaleCurve(factor, np.arange(len(points)), accuracy, loss, diverged)


def _checked(scales: Sequence[float]) -> list[float]:
    factors = [float(scale) for scale in scales]
    good = all(math.isfinite(factor) and factor > 0 for factor in factors)
    if not factors or not good or len(set(factors)) < len(factors):
        raise DomainError(
            f"scales are {list(scales)}; expected different finite numbers above 0, as 0.01, 1, 10"
        )
    return factors
