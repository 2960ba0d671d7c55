"""Adversarial training: the loss at the worst inputs that projected gradient ascent finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.certify.boxes import Range, input_box
from affidavit.certify.training.objective import Objective, Task, Terms, text
from affidavit.certify.training.schedules import Schedule, checked, schedule
from affidavit.errors import DomainError


@final
class AdversarialLoss(Objective):
    """`max L(f(x′))` over x′ within ε of x, approached from a random start in signed steps.

    The search sees the network in evaluation mode; the loss at what it finds is that of the model
    in the mode that it is in.

    Args:
        model: the network that is trained.
        epsilon: half of the box's width.
        steps: of the search, at least 1.
        step_size: in units of ε.
        data_range: least and greatest value of the features.
        task: the task's loss of outputs and labels.
        seed: of the starts.

    Source: Madry et al. 2018.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        epsilon: float | Schedule,
        steps: int = 10,
        step_size: float = 0.25,
        data_range: Range | None = None,
        task: Task = F.cross_entropy,
        seed: int = 0,
    ) -> None:
        super().__init__(model, task=task)
        if steps < 1 or not step_size > 0:
            raise DomainError(
                f"steps is {steps} and step_size {step_size}; expected at least 1, and more than 0"
            )
        self.epsilon = schedule("epsilon", epsilon)
        self.steps, self.step_size = steps, step_size
        self.data_range = data_range
        self.seed = seed

    def _terms(self, x: Tensor, y: Tensor, alpha: float) -> Terms:
        epsilon = checked("epsilon", self.epsilon(self.step))
        output = self.model(self.worst(x, y) if epsilon > 0 else x)
        return Terms(output, self.task(output, y))

    def worst(self, x: Tensor, y: Tensor) -> Tensor:
        """The inputs that the search finds at the present step, of the shape of x."""
        epsilon = checked("epsilon", self.epsilon(self.step))
        box = input_box(x.detach(), epsilon, self.data_range)
        draw = torch.rand(x.shape, generator=self.generator(self.seed), dtype=x.dtype)
        found = box.lower + (box.upper - box.lower) * draw.to(x.device)
        modes = [(module, module.training) for module in self.model.modules()]
        try:
            self.model.eval()
            for _ in range(self.steps):
                found.requires_grad_()
                loss = self.task(self.model(found), y)
                (slope,) = torch.autograd.grad(loss, found)
                found = found.detach() + self.step_size * epsilon * slope.sign()
                found = torch.minimum(torch.maximum(found, box.lower), box.upper)
        finally:
            for module, training in modes:
                module.training = training
        return found

    def settings(self) -> Mapping[str, str]:
        own = ("epsilon", "steps", "step_size", "data_range", "seed")
        return {**super().settings(), **{name: text(getattr(self, name)) for name in own}}
