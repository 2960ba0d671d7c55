"""Properties of explanations: not bent, not turned into a goal, not led by some features."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from affidavit.certify.attacks.aim import Aim
from affidavit.certify.attacks.objective import Likeness, Objective, Top
from affidavit.certify.attacks.search import attack
from affidavit.certify.bounds import Method, gradient_bounds
from affidavit.certify.certificates import Metric, targeted, untargeted
from affidavit.certify.properties import Proof, Property, Refutation, Threat
from affidavit.certify.ranks import outside_top
from affidavit.certify.target import Loss, Target, score
from affidavit.graph import Graph, Interval

STEPS, RESTARTS = 40, 3
"""Of an attack: steps of descent from each start, and starts."""

MOST_GOALS = 4
"""Goals that an attack goes for at each input: those that its explanation is nearest to."""


def explanations(graph: Graph, x: Tensor, target: Target = None, loss: Loss = "logit") -> Tensor:
    """The input gradients themselves, [batch, *input_shape].

    Arguments as of :func:`affidavit.certify.gradient_bounds`; without a target, the gradient is of
    the class predicted at each input.
    """
    chosen = score(graph, x, target, loss)
    with torch.enable_grad():
        point = x.detach().requires_grad_(True)
        logits = graph.values(point, (chosen.node,))[chosen.node]
        found: Tensor = torch.autograd.grad(chosen.of(logits).sum(), point, materialize_grads=True)[
            0
        ]
    return found


@dataclass(frozen=True, eq=False, kw_only=True)
class Explanation(Property):
    """A property of the input gradient of a score; see :func:`affidavit.certify.gradient_bounds`.

    Attributes:
        loss: what the gradient is of.
        target: class, a pair of classes for a margin, or None for the class predicted at each
            input, held fixed over its box.
    """

    about_explanations: ClassVar[bool] = True

    loss: Loss = "logit"
    target: int | tuple[int, int] | None = None

    @abstractmethod
    def certified(self, bounds: Interval, clean: Tensor) -> Tensor:
        """Whether all explanations within bounds have the property, [batch].

        Args:
            clean: the explanations at the inputs, of the bounds' shape.
        """

    @abstractmethod
    def objectives(self, clean: Tensor, most: float = MOST_GOALS) -> Sequence[Objective]:
        """What adversaries want, each of them enough to break the property.

        Args:
            clean: the explanations at the inputs.
            most: how many are wanted; those that are nearest to success come first.
        """

    def held(self, graph: Graph, x: Tensor) -> Target:
        """The target of each input as classes, which stay fixed wherever the input moves."""
        chosen = score(graph, x, self.target, self.loss)
        return chosen.first if chosen.second is None else (chosen.first, chosen.second)

    def judge(self, clean: Tensor, there: Tensor) -> tuple[bool, float]:
        """Whether one explanation breaks the property of an input, and how clearly.

        Args:
            clean: the explanation at the input, [1, *input_shape].
            there: another one that an adversary brought about, of its shape.
        """
        found: list[tuple[bool, float]] = []
        for objective in self.objectives(clean, math.inf):
            value = objective.value(there)
            found.append((bool(objective.succeeds(value)), float(value)))
        return max(found, key=lambda item: (item[0], self.sign * item[1]))

    def prove(
        self,
        graph: Graph,
        x: Tensor,
        rows: Tensor,
        threat: Threat,
        method: Method,
        **options: Any,
    ) -> Proof:
        bounds = gradient_bounds(
            graph,
            x,
            epsilon=threat.epsilon,
            gamma=threat.gamma,
            data_range=threat.data_range,
            target=self.target,
            loss=self.loss,
            method=method,
            **options,
        )
        clean = explanations(graph, x, self.target, self.loss)
        return Proof(self.certified(bounds, clean), bounds)

    def refute(
        self, graph: Graph, x: Tensor, rows: Tensor, threat: Threat, seed: int
    ) -> Refutation:
        clean = explanations(graph, x, self.target, self.loss)
        best: Refutation | None = None
        already = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        for objective in self.objectives(clean):
            already |= objective.succeeds(objective.value(clean))
            found = _attack(graph, x, objective, self.target, self.loss, threat, seed)
            best = found if best is None else _clearer(best, found, self.sign)
        if best is None:
            raise ValueError("a property of explanations that no adversary wants to break")
        return replace(best, already=already)


@dataclass(frozen=True, eq=False, kw_only=True)
class Untargeted(Explanation):
    """The explanation stays near to what it is at the input.

    Attributes:
        tau: of `mse`, the mean squared difference is at most τ; of `cosine`, the similarity is at
            least τ.
        metric: which of the two.
    """

    tau: float
    metric: Metric = "mse"

    @property
    def sign(self) -> int:
        return 1 if self.metric == "mse" else -1

    def certified(self, bounds: Interval, clean: Tensor) -> Tensor:
        return untargeted(bounds, clean, tau=self.tau, metric=self.metric).certified

    def objectives(self, clean: Tensor, most: float = MOST_GOALS) -> Sequence[Objective]:
        return [Likeness(clean, False, self.tau, self.metric)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Targeted(Explanation):
    """The explanation comes near to none of several goals.

    Attributes:
        goals: explanations that an adversary may want, [goal, *input_shape].
        tau: of `mse`, the mean squared difference from each goal is above τ; of `cosine`, the
            similarity to each is below τ.
        metric: which of the two.
    """

    goals: Tensor
    tau: float
    metric: Metric = "mse"

    @property
    def sign(self) -> int:
        return -1 if self.metric == "mse" else 1

    def certified(self, bounds: Interval, clean: Tensor) -> Tensor:
        found = torch.ones(len(clean), dtype=torch.bool, device=clean.device)
        for goal in self.goals.to(clean.device):
            found &= targeted(bounds, goal, tau=self.tau, metric=self.metric).certified
        return found

    def objectives(self, clean: Tensor, most: float = MOST_GOALS) -> Sequence[Objective]:
        every = [
            Likeness(goal.to(clean).expand_as(clean), True, self.tau, self.metric)
            for goal in self.goals
        ]
        # For each input the goals in the order of how near they are, the nearest first.
        values = torch.stack([objective.value(clean) for objective in every])
        order = torch.argsort(-self.sign * values, dim=0)
        goals = self.goals.to(clean)
        return [
            Likeness(goals[order[place]], True, self.tau, self.metric)
            for place in range(int(min(most, len(every))))
        ]


@dataclass(frozen=True, eq=False, kw_only=True)
class OutsideTop(Explanation):
    """None of some features is among the k of largest |gradient|.

    Attributes:
        features: places in the flattened input.
        k: how many make up the top.
    """

    features: tuple[int, ...]
    k: int

    @property
    def sign(self) -> int:
        return 1

    def certified(self, bounds: Interval, clean: Tensor) -> Tensor:
        return outside_top(bounds, self.features, self.k)

    def objectives(self, clean: Tensor, most: float = MOST_GOALS) -> Sequence[Objective]:
        return [Top(self.features, self.k)]


def _attack(
    graph: Graph,
    x: Tensor,
    objective: Objective,
    target: Target,
    loss: Loss,
    threat: Threat,
    seed: int,
) -> Refutation:
    """What descent finds, by the input, by each input's own weights, or by both at once."""
    adversary = Aim(objective=objective, target=target, loss=loss).adversary(
        graph, x, epsilon=threat.epsilon, gamma=threat.gamma, data_range=threat.data_range
    )
    found = attack(adversary, steps=STEPS, restarts=RESTARTS, beta=1.0, seed=seed, progress=None)
    params = None if found.params is None else dict(found.params)
    return Refutation(found.success, found.x, params, found.value, torch.zeros_like(found.success))


def _clearer(one: Refutation, other: Refutation, sign: int) -> Refutation:
    """For each input the clearer of two attempts, a success before none."""
    clearer = torch.where(
        one.success == other.success, sign * one.value >= sign * other.value, one.success
    )

    def pick(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(clearer.reshape(-1, *(1,) * (a.ndim - 1)), a, b)

    params = None
    if one.params is not None and other.params is not None:
        params = {name: pick(one.params[name], other.params[name]) for name in one.params}
    return Refutation(
        pick(one.success, other.success),
        pick(one.x, other.x),
        params,
        pick(one.value, other.value),
        pick(one.already, other.already),
    )
