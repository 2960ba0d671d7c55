"""Choice of the initializer: fresh runs with each entry of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from torch import nn

from affidavit.errors import DomainError
from affidavit.initialization.catalogue import initializer
from affidavit.initialization.redrawing import initialize
from affidavit.initialization.start import Start
from affidavit.initialization.strategies.strategy import History, Parameters, Strategy

AS_MADE = "as made"
"""The initial weights that the model was made with."""


@dataclass(frozen=True)
class Initializers(Strategy):
    """Weights are drawn by each initializer in turn, with a fresh seed each time; biases as made.

    The first run is the model as it is made.

    Attributes:
        kernels: names of the catalogue of initializers.
    """

    name: ClassVar[str] = "initializers"

    kernels: tuple[str, ...] = (
        "glorot_uniform",
        "glorot_normal",
        "he_uniform",
        "he_normal",
        "lecun_uniform",
        "lecun_normal",
        "orthogonal",
    )

    def __post_init__(self) -> None:
        if not self.kernels or len(set(self.kernels)) < len(self.kernels):
            raise DomainError(f"kernels are {list(self.kernels)}; expected different names")
        for name in self.kernels:
            initializer(name)

    def space(self, start: Start) -> dict[str, BaseDistribution]:
        return {
            "initializer": CategoricalDistribution((AS_MADE, *self.kernels)),
            "seed": IntDistribution(0, 2**32 - 1),
        }

    def parameters(self, start: Start, position: int, history: History) -> Parameters:
        name = self.kernels[(position - 1) % len(self.kernels)] if position else AS_MADE
        return {"initializer": name, "seed": start.run_seed(position)}

    def model(self, start: Start, given: Parameters) -> nn.Module:
        model = start.fresh(given["seed"])
        if given["initializer"] != AS_MADE:
            initialize(model, kernel=given["initializer"], seed=given["seed"])
        return model

    def order(self, start: Start, given: Parameters) -> int:
        return int(given["seed"])
