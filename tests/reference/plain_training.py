"""Training by the book: a loop over batches with autograd and `torch.optim`, one network alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Make = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


def optimizer(options: dict[str, Any], learning_rate: float) -> Make:
    """The optimiser of these options of a trainer."""
    given = dict(options)
    kind = torch.optim.Adam if given.pop("optimizer", "sgd") == "adam" else torch.optim.SGD
    return lambda parameters: kind(parameters, lr=learning_rate, **given)


def trained(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    seed: int,
    make: Make,
    *,
    epochs: int,
    batch_size: int,
) -> tuple[nn.Module, list[float]]:
    """A copy of the model, trained, and its mean loss over each epoch."""
    made = copy.deepcopy(model).train()
    moves = make(made.parameters())
    losses = []
    for epoch in range(epochs):
        rows = np.random.default_rng((seed, epoch)).permutation(len(inputs)).tolist()
        total = 0.0
        while rows:
            batch, rows = rows[:batch_size], rows[batch_size:]
            x = torch.stack([inputs[row] for row in batch])
            y = torch.stack([labels[row] for row in batch])
            log_p = made(x).log_softmax(1)
            loss = -torch.stack([log_p[k, y[k]] for k in range(len(batch))]).mean()
            moves.zero_grad()
            loss.backward()
            moves.step()
            total += loss.item() * len(batch)
        losses.append(total / len(inputs))
    return made.eval(), losses


def correct(model: nn.Module, inputs: Tensor, labels: Tensor) -> list[bool]:
    """Whether each row, by itself, is classified as labelled."""
    model.eval()
    with torch.no_grad():
        return [
            int(model(x[None])[0].argmax()) == int(y) for x, y in zip(inputs, labels, strict=True)
        ]
