"""How networks are trained: the settings, and where training begins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from affidavit.errors import DomainError, nearest
from affidavit.initialization.training.rules import Adam, Descent, Momentum, Rule

if TYPE_CHECKING:
    from affidavit.initialization.training.ongoing import Training

OPTIMIZERS = ("sgd", "adam")


@dataclass(frozen=True)
class Trainer:
    """Minimises the mean softmax cross-entropy over random batches.

    Attributes:
        epochs: passes over the data that :meth:`Training.run` makes if not told otherwise.
        batch_size: rows a step; more than there are is all of them. What is left over at the end
            of an epoch is a smaller batch of its own.
        learning_rate: η, above 0.
        optimizer: `sgd`, or `adam` with PyTorch's β = (0.9, 0.999) and ε = 1e-8.
        momentum: μ of `sgd`, in [0, 1).
        weight_decay: λ, added to the gradient as λ w, of biases too; at least 0.

    Raises:
        DomainError: a value outside these ranges, or an unknown optimizer.
    """

    epochs: int = 5
    batch_size: int = 128
    learning_rate: float = 0.1
    optimizer: str = "sgd"
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise DomainError(
                f"no optimizer {self.optimizer!r}{nearest(self.optimizer, OPTIMIZERS)}; there are"
                f" {', '.join(OPTIMIZERS)}"
            )
        for name, least in (("epochs", 0), ("batch_size", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise DomainError(
                    f"{name} is {value!r}; expected a whole number of at least {least}"
                )
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise DomainError(f"learning_rate is {self.learning_rate}; expected a number above 0")
        if not 0 <= self.momentum < 1:
            raise DomainError(f"momentum is {self.momentum}; expected at least 0 and below 1")
        if self.momentum and self.optimizer != "sgd":
            raise DomainError(
                f"momentum is {self.momentum}, but {self.optimizer} has its own; leave it at 0"
            )
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise DomainError(f"weight_decay is {self.weight_decay}; expected 0 or more")

    def begin(
        self,
        models: Sequence[nn.Module],
        inputs: Tensor,
        labels: Tensor,
        seeds: Sequence[int],
        *,
        threads: int | None = None,
    ) -> Training:
        """Training that has not done anything yet.

        Args:
            models: networks from inputs [batch, ...] to logits [batch, class], with the weights
                to begin with, all on one device. They are copied, and stay as they are.
            inputs: [row, ...], of the models' type.
            labels: right classes, [row], int64.
            seeds: of the order of rows (and of dropout), one a model, at least 0.
            threads: of the operating system, each training other models; left out, as many as
                `torch.get_num_threads()`.

        Networks whose layers are only linear ones, ReLU, tanh and sigmoid, one after another, and
        which share their sizes, are trained together by hand-written steps; all others one after
        another by autograd.

        Raises:
            DomainError: no models, seeds that do not fit, fewer than 1 thread.
            ModelError: a model without parameters to train, that does not take the inputs, or
                gives anything but [batch, class]; models on several devices.
            DataError: no rows, labels of another number, type or range, inputs of another type.
        """
        from affidavit.initialization.training.ongoing import Training

        return Training(self, models, inputs, labels, seeds, threads=threads)

    @property
    def rule(self) -> Rule:
        """The optimiser for stacked weights."""
        if self.optimizer == "adam":
            return Adam(self.learning_rate, self.weight_decay)
        if self.momentum:
            return Momentum(self.learning_rate, self.weight_decay, self.momentum)
        return Descent(self.learning_rate, self.weight_decay)

    def torch_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The optimiser for one module."""
        parameters = [p for p in model.parameters() if p.requires_grad]
        if self.optimizer == "adam":
            return torch.optim.Adam(
                parameters, lr=self.learning_rate, weight_decay=self.weight_decay
            )
        return torch.optim.SGD(
            parameters,
            lr=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )
