"""What an adversary wants of an explanation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from affidavit.errors import DomainError, nearest

Metric: TypeAlias = Literal["mse", "cosine"]

METRICS = ("mse", "cosine")


class Objective(Protocol):
    """What is measured of explanations, and what counts as a success of the adversary."""

    def value(self, v: Tensor) -> Tensor:
        """The measure h of explanations [batch, *input_shape], [batch]. Differentiable."""

    def loss(self, value: Tensor) -> Tensor:
        """What the adversary makes small, a function of the measure alone."""

    def succeeds(self, value: Tensor) -> Tensor:
        """Whether a measure is a success, bool [batch]. NaN is none."""

    def take(self, index: Tensor) -> Objective:
        """The objective of inputs picked by number."""


@dataclass(frozen=True, eq=False)
class Likeness:
    """Bring an explanation near to a goal, or take it away from where it was.

    Attributes:
        reference: the goal, or the explanation before the attack, [batch, *input_shape].
        targeted: whether it is a goal.
        tau: the threshold of success. Of `mse`, targeted: at most τ; untargeted: above τ. Of
            `cosine`: at least τ; below τ.
        metric: `mse`, the mean of squared differences, or `cosine`, the cosine of the angle. The
            latter is NaN, and never a success, where an explanation is 0 throughout.
    """

    reference: Tensor
    targeted: bool
    tau: float
    metric: Metric = "mse"

    def value(self, v: Tensor) -> Tensor:
        """h(reference, v), [batch]."""
        a, b = self.reference.flatten(1).double(), v.flatten(1).double()
        if self.metric == "mse":
            return (a - b).square().mean(1)
        # Scaled first: squares of small gradients would underflow.
        a, b = (_scaled(t) for t in (a, b))
        return (a * b).sum(1) / (a.square().sum(1).sqrt() * b.square().sum(1).sqrt())

    def loss(self, value: Tensor) -> Tensor:
        """What the adversary makes small, [batch]."""
        return value if self.targeted == (self.metric == "mse") else -value

    def succeeds(self, value: Tensor) -> Tensor:
        """Whether the threshold is met, [batch]."""
        if self.metric == "mse":
            return value <= self.tau if self.targeted else value > self.tau
        return value >= self.tau if self.targeted else value < self.tau

    def take(self, index: Tensor) -> Likeness:
        """The objective of inputs picked by number."""
        return replace(self, reference=self.reference[index])


@dataclass(frozen=True, eq=False)
class Top:
    """Push any of some features into the k of largest |explanation|, or out of them.

    The measure is how far the feature is above (into), or below (out of), the k-th largest of the
    others, for that of the features which comes furthest; above 0 it is a success.

    Attributes:
        features: numbers of features of the flattened input, for all inputs.
        k: how many make the top.
        out: whether to push out rather than in.

    Raises:
        DomainError: no features, or k below 1.
    """

    features: Sequence[int]
    k: int
    out: bool = False

    def __post_init__(self) -> None:
        chosen = list(self.features)
        if not chosen or min(chosen) < 0 or len(set(chosen)) < len(chosen):
            raise DomainError(f"features are {chosen}; expected different numbers from 0 on")
        if self.k < 1:
            raise DomainError(f"k is {self.k}; expected at least 1")

    def value(self, v: Tensor) -> Tensor:
        """How far the best feature is past the border of the top, [batch]."""
        size = v.flatten(1).abs()
        if max(self.features) >= size.shape[1] or self.k >= size.shape[1]:
            raise DomainError(
                f"features {list(self.features)} in the top {self.k}: the input has"
                f" {size.shape[1]} features, of which k must leave some out"
            )
        ahead = []
        for feature in self.features:
            others = torch.cat([size[:, :feature], size[:, feature + 1 :]], 1)
            ahead.append(size[:, feature] - others.topk(self.k, 1).values[:, -1])
        both = torch.stack(ahead, 1)
        return (-both if self.out else both).amax(1)

    def loss(self, value: Tensor) -> Tensor:
        """What the adversary makes small, [batch]."""
        return -value

    def succeeds(self, value: Tensor) -> Tensor:
        """Whether some feature is past the border, [batch]; a tie is none."""
        return value > 0

    def take(self, index: Tensor) -> Top:
        """The same for all inputs."""
        return self


def likeness(before: Tensor, goal: Tensor | None, tau: float | None, metric: str) -> Likeness:
    """The objective that a goal (None: untargeted), a threshold and a metric name.

    Args:
        before: the explanation before the attack, [batch, *input_shape].
        goal: of its shape, or of that of one input for all.
        tau: the threshold of success.
        metric: `mse` or `cosine`.

    Raises:
        DomainError: a goal of the wrong shape or not finite, a threshold missing or out of range,
            an unknown metric.
    """
    tau = check_threshold(tau, metric)
    before = before.double()
    if goal is None:
        return Likeness(before, False, tau, "mse" if metric == "mse" else "cosine")
    if goal.shape not in (before.shape, before.shape[1:]):
        raise DomainError(
            f"the goal has the shape {list(goal.shape)}; expected {list(before.shape)}, or"
            f" {list(before.shape[1:])} for all inputs"
        )
    if not bool(torch.isfinite(goal).all()):
        raise DomainError("the goal holds NaN or infinite entries")
    reference = goal.detach().to(before.device, torch.float64).expand(before.shape)
    return Likeness(reference, True, tau, "mse" if metric == "mse" else "cosine")


def check_threshold(tau: float | None, metric: str) -> float:
    """The threshold, if the metric has it.

    Raises:
        DomainError: a threshold missing or out of range, an unknown metric.
    """
    if metric not in METRICS:
        raise DomainError(
            f"there is no metric {metric!r}{nearest(metric, METRICS)}; expected mse or cosine"
        )
    least, most = (0.0, math.inf) if metric == "mse" else (-1.0, 1.0)
    if tau is None or not least <= tau <= most or math.isinf(tau):
        raise DomainError(
            f"tau is {tau}; expected a number "
            + ("of at least 0" if metric == "mse" else "between -1 and 1")
        )
    return tau


def _scaled(v: Tensor) -> Tensor:
    """Vectors divided by their largest entries."""
    return v / v.detach().abs().amax(1, keepdim=True)
