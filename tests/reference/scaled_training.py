"""Training from multiplied weights, written out batch by batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn


def scaled_training(
    model: nn.Module,
    scale: float,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    order: Callable[[int], np.ndarray],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
) -> list[tuple[float, float]]:
    """Validation accuracy and mean loss of the batches, before training and after each epoch.

    W <- scale W of every linear layer, b as it is; then w <- w - learning rate * gradient. It ends
    after the epoch in which a weight is no finite number.

    Args:
        order: of the rows in an epoch, counted from 0.
    """
    inputs, labels = torch.tensor(train[0]), torch.tensor(train[1])
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.Linear):
                part.weight.mul_(scale)
    found = [(_accuracy(model, *validation), float("nan"))]
    for epoch in range(epochs):
        rows = order(epoch)
        total = 0.0
        for first in range(0, len(rows), batch_size):
            batch = torch.tensor(rows[first : first + batch_size])
            loss = nn.functional.cross_entropy(model(inputs[batch]), labels[batch])
            gradients = torch.autograd.grad(loss, list(model.parameters()))
            with torch.no_grad():
                for value, gradient in zip(model.parameters(), gradients, strict=True):
                    value.sub_(learning_rate * gradient)
            total += float(loss.detach()) * len(batch)
        if not all(bool(value.isfinite().all()) for value in model.parameters()):
            found.append((float("nan"), float("nan")))
            break
        found.append((_accuracy(model, *validation), total / len(rows)))
    return found


def _accuracy(model: nn.Module, inputs: np.ndarray, labels: np.ndarray) -> float:
    with torch.no_grad():
        return float((model(torch.tensor(inputs)).argmax(1).numpy() == labels).mean())
