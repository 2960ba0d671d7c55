"""What an attack on explanations is after, whatever it may change and however it searches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from affidavit.certify.attacks.adversary import Adversary, Attribution
from affidavit.certify.attacks.objective import Metric, Objective, check_threshold, likeness
from affidavit.certify.attacks.room import room
from affidavit.certify.bounds import Model
from affidavit.certify.boxes import Range, Size
from affidavit.certify.target import Loss, Target, score
from affidavit.errors import DomainError
from affidavit.graph import load


@dataclass(frozen=True, eq=False, kw_only=True)
class Aim:
    """Which explanation is attacked, and what is wanted of it.

    The explanation v is the gradient by the input. Towards a goal an attack succeeds where
    `h(goal, v) <= τ`; without one, where `h(v₀, v) > τ`, v₀ being the explanation at x. With the
    metric `cosine`: where it is at least, or below, τ.

    Attributes:
        tau: the threshold τ.
        goal: the explanation that is wanted, of the shape of x or of one input; None to get as far
            as possible from v₀.
        metric: h: `mse`, the mean of squared differences, or `cosine`, the cosine of the angle.
        objective: another aim in place of goal, tau and metric: see
            :class:`affidavit.certify.attacks.Top`.
        target, loss: what the gradient is of, as of :func:`affidavit.certify.gradient_bounds`.
            The class predicted at x is kept as the target throughout.
        attribution: what explains in place of the gradient: `(module, x, target) -> Tensor` of
            the shape of x, the module giving logits; see
            :func:`affidavit.certify.attacks.from_captum`. Inputs must not affect each other.
            One without a derivative is searched without.

    Raises:
        DomainError: a threshold missing or out of range, an unknown metric, a goal or threshold
            beside an objective, an attribution of anything but a logit.
    """

    tau: float | None = None
    goal: Tensor | None = None
    metric: Metric = "mse"
    objective: Objective | None = None
    target: Target = None
    loss: Loss = "logit"
    attribution: Attribution | None = None

    def __post_init__(self) -> None:
        if self.attribution is not None and self.loss != "logit":
            raise DomainError(f"loss is {self.loss!r}; attributions explain the logit of a class")
        if self.objective is None:
            check_threshold(self.tau, self.metric)
        elif self.goal is not None or self.tau is not None:
            raise DomainError("goal and tau belong to the objective that was given beside them")

    def adversary(
        self,
        model: Model,
        x: Tensor,
        *,
        epsilon: Size = 0.0,
        gamma: float | Mapping[str, float] = 0.0,
        data_range: Range | None = None,
    ) -> Adversary:
        """Who is after it, given what may be changed.

        Args:
            model: the network. It is left as it was.
            x: inputs, [batch, *input_shape].
            epsilon, data_range: the box of inputs.
            gamma: the box of weights.

        Raises:
            DomainError: boxes, targets or goals that have no meaning.
            ModelError: inputs of another shape than the network's, unknown parameters.
        """
        with torch.inference_mode(False):
            graph = load(model, x[:1].clone())
            graph.check_input(x)
            x = x.detach().clone()
            allowed = room(graph, x, epsilon=epsilon, gamma=gamma, data_range=data_range)
            chosen = score(graph, x, self.target, self.loss)
            found = Adversary(graph, chosen, x, allowed, self.attribution, self.objective)
            if self.objective is None:
                before = found.explain({})
                wanted = likeness(before, self.goal, self.tau, self.metric)
                return replace(found, objective=wanted)
            return found
