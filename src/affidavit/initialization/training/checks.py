"""What is asked of models, data and seeds before training begins."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from affidavit.errors import DataError, DomainError, ModelError
from affidavit.initialization.training.classification import logits
from affidavit.initialization.training.copying import copied


def checked_threads(threads: int | None) -> int:
    """How many threads; left out, as many as PyTorch uses.

    Raises:
        DomainError: fewer than 1.
    """
    if threads is None:
        return torch.get_num_threads()
    if threads < 1:
        raise DomainError(f"threads is {threads}; expected at least 1")
    return threads


def checked_seeds(seeds: Sequence[int], models: int) -> tuple[int, ...]:
    """One seed a model.

    Raises:
        DomainError: another number of them, a negative one, or no models.
    """
    found = tuple(int(seed) for seed in seeds)
    if not models:
        raise DomainError("there are no models to train")
    if len(found) != models:
        raise DomainError(f"{len(found)} seeds for {models} models; expected one each")
    if min(found) < 0:
        raise DomainError(f"a seed is {min(found)}; expected 0 or more")
    return found


def checked_models(models: Sequence[nn.Module], inputs: Tensor) -> tuple[torch.device, int]:
    """The device of the models, and how many classes they tell apart.

    Raises:
        DataError: inputs without rows, or of another type than the models.
        ModelError: as :meth:`Trainer.begin` says.
    """
    if not inputs.ndim or not len(inputs):
        raise DataError(
            f"inputs have the shape {list(inputs.shape)}; expected [row, ...], with rows"
        )
    devices, classes = set(), set()
    for number, model in enumerate(models):
        parameters = [p for p in model.parameters() if p.requires_grad]
        if not parameters:
            raise ModelError(f"model {number} has no parameters to train")
        devices |= {p.device for p in model.parameters()}
        types = {p.dtype for p in parameters}
        if types != {inputs.dtype}:
            raise DataError(
                f"inputs are {inputs.dtype}, but parameters of model {number}"
                f" {', '.join(sorted(map(str, types)))}; expected the same, as by inputs.float()"
            )
        # A copy, as evaluation can change a module: lazy ones make their parameters.
        trial = copied(model).eval()
        with torch.no_grad():
            classes.add(logits(trial, inputs[:1].to(parameters[0].device, copy=True)).shape[1])
    if len(devices) > 1:
        raise ModelError(
            f"models are on several devices, {', '.join(sorted(map(str, devices)))}; expected one"
        )
    if len(classes) > 1:
        raise ModelError(f"models have different numbers of classes: {sorted(classes)}")
    return devices.pop(), classes.pop()


def checked_labels(labels: Tensor, rows: int, classes: int) -> Tensor:
    """The labels, one a row and each a class.

    Raises:
        DataError: another number or type of them, or one out of range.
    """
    if labels.shape != (rows,) or labels.dtype != torch.int64:
        raise DataError(
            f"labels have the shape {list(labels.shape)} and are {labels.dtype}; expected"
            f" [{rows}], torch.int64, one a row of inputs"
        )
    least, greatest = int(labels.min()), int(labels.max())
    if least < 0 or greatest >= classes:
        raise DataError(
            f"labels go from {least} to {greatest}; expected 0 to {classes - 1}, as the models"
            f" give {classes} logits"
        )
    return labels


def checked_rows(inputs: Tensor, labels: Tensor, trained: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and labels on the device of what was trained on.

    Raises:
        DataError: inputs of another shape or type than that, or labels that do not fit.
    """
    if inputs.shape[1:] != trained.shape[1:] or inputs.dtype != trained.dtype or not inputs.ndim:
        raise DataError(
            f"inputs have the shape {list(inputs.shape)} and are {inputs.dtype}; expected"
            f" [row, {', '.join(map(str, trained.shape[1:]))}] and {trained.dtype}, as in training"
        )
    if labels.shape != (len(inputs),):
        raise DataError(f"{len(inputs)} inputs, but labels of the shape {list(labels.shape)}")
    return inputs.to(trained.device), labels.to(trained.device)
