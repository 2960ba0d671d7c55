"""The optimisers' rules, for weights of several networks at once, and without a gradient in memory.

The gradient of a weight is a matrix product, and `baddbmm_` adds a product to what is there: the
new weight is made in one pass over the old one. `torch.optim` needs the gradient written and read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Rule(Protocol):
    """How a weight moves.

    Attributes:
        slots: tensors of the weight's shape that are kept between steps, zero at first.
    """

    @property
    def slots(self) -> int: ...

    def step(
        self,
        count: int,
        rows: int,
        value: Tensor,
        slots: tuple[Tensor, ...],
        left: Tensor,
        right: Tensor,
    ) -> None:
        """Moves `value`, and `slots`, in place.

        Args:
            count: of this step, from 1.
            rows: in the batch.
            value: weights, [model, input, output], or biases, [model, 1, output].
            slots: what is kept, each of the same shape.
            left, right: their product is the gradient times the number of rows, as of
                [model, input, row] and [model, row, output].
        """


@dataclass(frozen=True)
class Descent:
    """w ← w − η (g + λ w)."""

    learning_rate: float
    weight_decay: float
    slots: int = 0

    def step(
        self,
        count: int,
        rows: int,
        value: Tensor,
        slots: tuple[Tensor, ...],
        left: Tensor,
        right: Tensor,
    ) -> None:
        kept = 1 - self.learning_rate * self.weight_decay
        scale = -self.learning_rate / rows
        if kept == 0:
            # With beta = 0 it would leave out values that are not finite.
            value.mul_(0)
            kept = 1
        value.baddbmm_(left, right, beta=kept, alpha=scale)


@dataclass(frozen=True)
class Momentum:
    """v ← μ v + g + λ w, w ← w − η v, as `torch.optim.SGD` without dampening."""

    learning_rate: float
    weight_decay: float
    momentum: float
    slots: int = 1

    def step(
        self,
        count: int,
        rows: int,
        value: Tensor,
        slots: tuple[Tensor, ...],
        left: Tensor,
        right: Tensor,
    ) -> None:
        (velocity,) = slots
        velocity.baddbmm_(left, right, beta=self.momentum, alpha=1 / rows)
        if self.weight_decay:
            velocity.add_(value, alpha=self.weight_decay)
        value.add_(velocity, alpha=-self.learning_rate)


@dataclass(frozen=True)
class Adam:
    """Adam, with the weight decay added to the gradient, as `torch.optim.Adam` by default.

    Source: Kingma and Ba 2015, Algorithm 1.
    """

    learning_rate: float
    weight_decay: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    slots: int = 2

    def step(
        self,
        count: int,
        rows: int,
        value: Tensor,
        slots: tuple[Tensor, ...],
        left: Tensor,
        right: Tensor,
    ) -> None:
        mean, square = slots
        gradient = torch.bmm(left, right).div_(rows)
        if self.weight_decay:
            gradient.add_(value, alpha=self.weight_decay)
        mean.lerp_(gradient, 1 - self.beta1)
        square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        scale = math.sqrt(1 - self.beta2**count)
        root = torch.sqrt(square, out=gradient).div_(scale).add_(self.epsilon)
        value.addcdiv_(mean, root, value=-self.learning_rate / (1 - self.beta1**count))
