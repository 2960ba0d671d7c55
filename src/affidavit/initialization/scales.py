"""What the scale of the initial weights does to training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from affidavit.data import Dataset
from affidavit.errors import DomainError
from affidavit.initialization.evaluation import BATCH_SIZE
from affidavit.initialization.functions import TrainingRun
from affidavit.initialization.parts import Parts
from affidavit.initialization.start import Start, moved
from affidavit.initialization.training import Trainer


@dataclass(frozen=True, eq=False)
class ScaleCurve:
    """How the training of one network went. Guarantee: `empirical`.

    Attributes:
        scale: by which its initial weights were multiplied.
        epochs: 0, before training, and after each epoch, [point].
        accuracy: on the validation part, [point]; NaN at the epoch where training failed, which is
            the last point.
        loss: mean softmax cross-entropy on the training part, of the network as it is used
            (dropout off), [point]; NaN likewise.
        failure: why training failed, or "".
    """

    scale: float
    epochs: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    loss: NDArray[np.float64]
    failure: str = ""


def training_curves_by_scale(
    make_model: Callable[[], nn.Module],
    data: Dataset,
    scales: Sequence[float] = (0.01, 1.0, 10.0),
    *,
    train: Trainer | None = None,
    seed: int = 0,
) -> dict[float, ScaleCurve]:
    """Trains the same first network with its weights multiplied by each scale, epoch by epoch.

    Weights are all parameters that :func:`affidavit.initialization.start.moved` gives but the
    biases, which stay as they are; the order of rows is the same for all. Too small a scale
    begins on a plateau; too large a one diverges or ends worse.

    Args:
        make_model: gives a new network, as for :func:`affidavit.initialization.search.search`,
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
    training: TrainingRun = trainer.begin(models, *parts.train, [start.run_seed(0)] * len(models))
    points: list[list[tuple[float, float]]] = [[] for _ in factors]
    failures = [""] * len(factors)
    alive = list(range(len(factors)))
    for epoch in range(trainer.epochs + 1):
        if epoch:
            training.run(1)
        correct = training.correct(*parts.validation).double().mean(1).tolist()
        for place, (number, failure) in enumerate(zip(alive, training.failures, strict=True)):
            failures[number] = failure
            here = (math.nan, math.nan)
            if not failure:
                here = (correct[place], mean_loss(training.models[place], *parts.train))
            points[number].append(here)
        going = [place for place, number in enumerate(alive) if not failures[number]]
        if len(going) < len(alive):
            if not going:
                break
            training.keep(going)
            alive = [alive[place] for place in going]
    return {
        factor: _curve(factor, of, failure)
        for factor, of, failure in zip(factors, points, failures, strict=True)
    }


@torch.no_grad()
def mean_loss(model: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Mean softmax cross-entropy in evaluation mode; the model is left in the mode it was in.

    Args:
        model: gives scores [row, class].
        inputs: [row, ...], on any device; rows go to the model's.
        labels: int64 [row].
    """
    device = next((value.device for value in model.parameters()), inputs.device)
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        total = 0.0
        for rows, wanted in zip(
            torch.split(inputs, BATCH_SIZE), torch.split(labels, BATCH_SIZE), strict=True
        ):
            scores = model(rows.to(device)).double()
            total += float(F.cross_entropy(scores, wanted.to(device), reduction="sum"))
    finally:
        for part, mode in modes.items():
            part.training = mode
    return total / len(labels)


def _scaled(model: nn.Module, factor: float) -> nn.Module:
    for name, value in moved(model):
        # Biases are vectors, and PyTorch's recurrent and attention layers number theirs.
        if value.ndim > 1 and "bias" not in name.rpartition(".")[2]:
            value *= factor
    return model


def _curve(factor: float, points: list[tuple[float, float]], failure: str) -> ScaleCurve:
    accuracy, loss = np.array(points, np.float64).T
    return ScaleCurve(factor, np.arange(len(points)), accuracy, loss, failure)


def _checked(scales: Sequence[float]) -> list[float]:
    factors = [float(scale) for scale in scales]
    good = all(math.isfinite(factor) and factor > 0 for factor in factors)
    if not factors or not good or len(set(factors)) < len(factors):
        raise DomainError(
            f"scales are {list(scales)}; expected different finite numbers above 0, as 0.01, 1, 10"
        )
    return factors
