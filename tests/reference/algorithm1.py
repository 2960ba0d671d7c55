"""Algorithm 1 of NeuroMask (Alzantot and others 2019), line by line, for one image.

With two misprints mended: line 9 leaves out τ, and line 14 divides by the root of the gradient
where RMSProp divides by the root of v + ε. Penalties are summed entry by entry, and the gradient
of the whole is autograd's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]

CROSS = ((0, -1, 0), (-1, 4, -1), (0, -1, 0))
SQUARE_3 = ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1))
SQUARE_5 = tuple(tuple(24 if i == j == 2 else -1 for j in range(5)) for i in range(5))


@dataclass
class Trace:
    """The losses before every step and the mask after it."""

    losses: list[tuple[float, float, float]]
    masks: list[Array]


def absolute_sum(values: list[Tensor]) -> Tensor:
    return sum((value.abs() for value in values), torch.zeros((), dtype=torch.float64))


def square_mean(values: list[Tensor]) -> Tensor:
    total = sum((value * value for value in values), torch.zeros((), dtype=torch.float64))
    return total / len(values)


def absolute_mean(values: list[Tensor]) -> Tensor:
    return absolute_sum(values) / len(values)


def algorithm1(
    f: Callable[[Tensor], Tensor],
    x: Tensor,
    label: int | None,
    W: Array,
    *,
    steps: int,
    tau: float,
    T: float,
    weights: tuple[float, float, float],
    f_s: tuple[tuple[int, ...], ...] = CROSS,
    sparse_norm: Callable[[list[Tensor]], Tensor] = absolute_sum,
    smooth_norm: Callable[[list[Tensor]], Tensor] = absolute_sum,
    alpha: float,
    beta: float,
    epsilon: float,
    v: float = 0.0,
) -> Trace:
    """The run from given first weights.

    Args:
        f: from one image [1, channel, height, width] to class scores [1, class].
        x: the image, float64.
        label: the class; None for the arg max of the image's own scores.
        W: first weights, [height, width].
    """
    height, width = W.shape
    v_dw = np.full_like(W, v)
    trace = Trace([], [])
    W = W.copy()
    for _ in range(steps):
        w = torch.tensor(W, requires_grad=True)
        x_bar = torch.sigmoid(w / T) * x
        y = f(x[None])[0]
        y_hat = torch.softmax(f(x_bar[None])[0], 0)
        i = int(y.argmax()) if label is None else label
        pred = -torch.log(y_hat[i])
        sparse = sparse_norm([w[r, c] + tau for r in range(height) for c in range(width)])
        side = len(f_s)
        rough = []
        for r in range(height - side + 1):
            for c in range(width - side + 1):
                entry = torch.zeros((), dtype=torch.float64)
                for a in range(side):
                    for b in range(side):
                        entry = entry + f_s[a][b] * w[r + a, c + b]
                rough.append(entry)
        smooth = smooth_norm(rough)
        parts = (weights[0] * pred, weights[1] * sparse, weights[2] * smooth)
        (gradient,) = torch.autograd.grad(parts[0] + parts[1] + parts[2], w)
        dW = gradient.numpy()
        v_dw = beta * v_dw + (1 - beta) * dW**2
        W = W - alpha * dW / np.sqrt(v_dw + epsilon)
        trace.losses.append((parts[0].item(), parts[1].item(), parts[2].item()))
        trace.masks.append(1 / (1 + np.exp(-W / T)))
    return trace
