"""What can be certified of an input, and attacked: a property that holds all over its box.

A property is proved by bounds and refuted by a counterexample; between the two, nothing is known.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from affidavit.certify.attacks.prediction import Weights, attack_predictions
from affidavit.certify.bounds import Method, margin_bounds, output_bounds
from affidavit.certify.boxes import Range, Size
from affidavit.graph import Graph, Interval


@dataclass(frozen=True, eq=False)
class Threat:
    """What an adversary may change.

    Attributes:
        epsilon: inputs vary in `[x − ε, x + ε]`: a number, or a tensor that broadcasts to x.
        gamma: each parameter W varies in `[W − γ|W|, W + γ|W|]`.
        data_range: least and greatest value of the features, to which boxes of inputs are clipped.
    """

    epsilon: Size = 0.0
    gamma: float = 0.0
    data_range: Range | None = None


@dataclass(frozen=True, eq=False)
class Proof:
    """What bounds prove.

    Attributes:
        certified: for which inputs the property holds for certain, [batch].
        bounds: of the explanations, [batch, *input_shape], where the property is about them.
    """

    certified: Tensor
    bounds: Interval | None = None


@dataclass(frozen=True, eq=False)
class Refutation:
    """What an attack shows.

    Attributes:
        success: for which inputs the property fails for certain, [batch].
        x: the inputs at which it fails, [batch, *input_shape].
        params: the weights under which it fails, [batch, *shape] by name; None for the network's.
        value: how far the attack came, [batch], in the property's own measure.
        already: for which inputs it fails without any change, [batch].
    """

    success: Tensor
    x: Tensor
    params: Weights | None
    value: Tensor
    already: Tensor


class Property(ABC):
    """A property of inputs. Inputs come in batches, with their numbers among all inputs."""

    about_explanations: ClassVar[bool]
    """Whether proofs come with bounds of explanations."""

    @property
    @abstractmethod
    def sign(self) -> int:
        """1 where a larger value makes a counterexample clearer, -1 where a smaller one does."""

    @abstractmethod
    def prove(
        self,
        graph: Graph,
        x: Tensor,
        rows: Tensor,
        threat: Threat,
        method: Method,
        **options: Any,
    ) -> Proof:
        """For which inputs the bounds of a method prove the property in the whole box.

        Args:
            x: inputs, [batch, *input_shape]; bounds are computed in their dtype.
            rows: their numbers, [batch].
            options: of the method.

        Guarantee: `sound`.
        """

    @abstractmethod
    def refute(
        self, graph: Graph, x: Tensor, rows: Tensor, threat: Threat, seed: int
    ) -> Refutation:
        """Looks for counterexamples. What is found is certain; what is not, may still be there."""


@dataclass(frozen=True, eq=False)
class Prediction(Property):
    """The right class is predicted, and nothing in the box changes that.

    Attributes:
        labels: the output that stands for each input's right class, [input]; of a single output, 1
            where it must be above the level and 0 where it must not.
        level: of a single output.
    """

    about_explanations: ClassVar[bool] = False

    labels: Tensor
    level: float | None = None

    @property
    def sign(self) -> int:
        return -1

    def prove(
        self,
        graph: Graph,
        x: Tensor,
        rows: Tensor,
        threat: Threat,
        method: Method,
        **options: Any,
    ) -> Proof:
        labels = self.labels[rows].to(x.device)
        box: dict[str, Any] = {
            "epsilon": threat.epsilon,
            "gamma": threat.gamma,
            "data_range": threat.data_range,
        }
        if self.level is not None:
            found = output_bounds(graph, x, **box, method=method, **options)
            lower, upper = found.lower.flatten(), found.upper.flatten()
            return Proof(torch.where(labels == 1, lower > self.level, upper < self.level))
        found = margin_bounds(graph, x, labels, **box, method=method, **options)
        itself = labels[:, None] == torch.arange(found.lower.shape[1], device=x.device)
        return Proof(((found.lower > 0) | itself).all(1))

    def refute(
        self, graph: Graph, x: Tensor, rows: Tensor, threat: Threat, seed: int
    ) -> Refutation:
        found = attack_predictions(
            graph,
            x,
            self.labels[rows].to(x.device),
            epsilon=threat.epsilon,
            gamma=threat.gamma,
            data_range=threat.data_range,
            level=self.level,
            seed=seed,
        )
        return Refutation(found.success, found.x, found.params, found.margin, found.before < 0)
