"""Multi-layer perceptrons, stopped when the area under the ROC curve no longer grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from affidavit.errors import DomainError
from affidavit.misclassification.heads.base import Head, check_enough, scaling, split
from affidavit.misclassification.signals import Array


@dataclass(frozen=True)
class Perceptron(Head):
    """The mean of several multi-layer perceptrons with ReLUs.

    Each begins elsewhere and holds another part of the fitting data out, the same share of wrong
    and of right predictions; of its epochs, the one with the largest AUROC there is kept. Features
    are brought to mean 0 and deviation 1. The classes are not weighted: as in the paper, what
    watches over unequal numbers is the AUROC.

    Attributes:
        hidden: units of each hidden layer.
        restarts: how many are averaged.
        epochs, patience: at most this many; stop when so many in turn bring nothing.
        held_out: share that is held out.
        learning_rate, weight_decay, batch_size: of AdamW.
        dropout: share of the hidden units that are dropped in training.

    Source: "Leveraging model interpretability and stability", 4.1.2 and 4.3; the paper says
    nothing of restarts, weight decay or dropout.
    """

    name: ClassVar[str] = "mlp"
    summary: ClassVar[str] = "multi-layer perceptrons with two hidden layers, averaged"

    hidden: tuple[int, ...] = (200, 200)
    restarts: int = 5
    epochs: int = 60
    patience: int = 10
    held_out: float = 0.2
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    batch_size: int = 64
    dropout: float = 0.3

    def __post_init__(self) -> None:
        # JSON knows no tuples.
        object.__setattr__(self, "hidden", tuple(self.hidden))
        counts = (*self.hidden, self.restarts, self.epochs, self.patience, self.batch_size)
        if min(counts) < 1 or not 0 < self.held_out < 1 or not 0 <= self.dropout < 1:
            raise DomainError(
                f"{self!r}: expected counts of at least 1, held_out between 0 and 1, dropout below"
                " 1"
            )

    def fit(self, x: NDArray[np.float64], wrong: NDArray[np.bool_], seed: int) -> dict[str, Any]:
        check_enough(wrong)
        mean, scale = scaling(x)
        fitted: dict[str, Any] = {"mean": mean, "scale": scale}
        inputs = torch.from_numpy((x - mean) * scale).float()
        target = torch.from_numpy(wrong).float()
        for restart in range(self.restarts):
            weights = self._train(inputs, target, np.random.default_rng((seed, restart)))
            fitted |= {f"{restart}.{name}": value for name, value in weights.items()}
        return fitted

    def score(self, fitted: Mapping[str, Any], x: NDArray[np.float64]) -> Array:
        inputs = (x - fitted["mean"]) * fitted["scale"]
        total = np.zeros(len(x))
        for restart in range(self.restarts):
            value = inputs
            for layer in range(len(self.hidden) + 1):
                value = value.clip(0) if layer else value
                value = value @ fitted[f"{restart}.weight{layer}"].T
                value = value + fitted[f"{restart}.bias{layer}"]
            total += expit(value[:, 0])
        return total / self.restarts

    @torch.enable_grad()
    def _train(self, x: Tensor, target: Tensor, draw: np.random.Generator) -> dict[str, Array]:
        generator = torch.Generator().manual_seed(int(draw.integers(2**62)))
        learn, watch = map(torch.from_numpy, split(target.numpy() > 0, self.held_out, draw))
        layers = self._layers(x.shape[1], generator)
        parameters = [one for layer in layers for one in layer]
        for one in parameters:
            one.requires_grad_(True)
        optimizer = torch.optim.AdamW(
            parameters, lr=self.learning_rate, weight_decay=self.weight_decay
        )
        best, waited, kept = -1.0, 0, [one.detach().clone() for one in parameters]
        for _ in range(self.epochs):
            order = learn[torch.randperm(len(learn), generator=generator)]
            for rows in torch.split(order, self.batch_size):
                output = self._forward(layers, x[rows], generator)
                loss = nn.functional.binary_cross_entropy_with_logits(output, target[rows])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            with torch.no_grad():
                shown = self._forward(layers, x[watch])
            area = float(roc_auc_score(target[watch].numpy(), shown.numpy()))
            if area > best:
                best, waited, kept = area, 0, [one.detach().clone() for one in parameters]
            else:
                waited += 1
                if waited >= self.patience:
                    break
        names = [f"{kind}{layer}" for layer in range(len(layers)) for kind in ("weight", "bias")]
        return {name: one.numpy() for name, one in zip(names, kept, strict=True)}

    def _layers(self, columns: int, generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
        """He et al. 2015."""
        return [
            (
                torch.randn((after, before), generator=generator) * (2 / before) ** 0.5,
                torch.zeros(after),
            )
            for before, after in pairwise((columns, *self.hidden, 1))
        ]

    def _forward(
        self,
        layers: list[tuple[Tensor, Tensor]],
        x: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        for number, (weight, bias) in enumerate(layers):
            if number:
                x = x.relu()
                if generator is not None and self.dropout:
                    kept = torch.rand(x.shape, generator=generator) >= self.dropout
                    x = x * kept / (1 - self.dropout)
            x = nn.functional.linear(x, weight, bias)
        return x[:, 0]
