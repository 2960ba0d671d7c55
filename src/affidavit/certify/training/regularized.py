"""Penalty on the gradient of the loss, or on how it differs nearby: double backpropagation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.certify.training.objective import Objective, Task, Terms, text
from affidavit.certify.training.schedules import Schedule, checked, schedule


@final
class GradientRegularizedLoss(Objective):
    """`L(f(x)) + α ‖∇_x L‖²`, or with a radius `L(f(x)) + α ‖∇_x L(x′) − ∇_x L(x)‖²`.

    The first is double backpropagation. The second is what the paper describes under that name:
    x′ is drawn anew for each input and step, uniformly within ε of each feature.

    Args:
        model: the network that is trained.
        alpha: factor of the penalty.
        epsilon: radius in which x′ is drawn; 0 for double backpropagation.
        task: the task's loss of outputs and labels, a mean over the batch.
        seed: of x′.

    Source: Drucker & LeCun 1992; Wicker et al. 2022, section 6.1.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        alpha: float | Schedule,
        epsilon: float | Schedule = 0.0,
        task: Task = F.cross_entropy,
        seed: int = 0,
    ) -> None:
        super().__init__(model, alpha=alpha, task=task)
        self.epsilon = schedule("epsilon", epsilon)
        self.seed = seed

    def _terms(self, x: Tensor, y: Tensor, alpha: float) -> Terms:
        if alpha == 0:
            output = self.model(x)
            return Terms(output, self.task(output, y))
        output, task, found = self._gradient(x, y)
        epsilon = checked("epsilon", self.epsilon(self.step))
        if epsilon > 0:
            draw = torch.rand(x.shape, generator=self.generator(self.seed), dtype=x.dtype)
            moved = x + epsilon * (2 * draw.to(x.device) - 1)
            found = self._gradient(moved, y)[2] - found
        return Terms(output, task, found.flatten(1).square().sum(1).mean(), alpha)

    def _gradient(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs, loss, and the gradient of each input's own loss."""
        x = x.detach().requires_grad_()
        output = self.model(x)
        task = self.task(output, y)
        (gradient,) = torch.autograd.grad(task * len(x), x, create_graph=True)
        return output, task, gradient

    def settings(self) -> Mapping[str, str]:
        return {**super().settings(), "epsilon": text(self.epsilon), "seed": str(self.seed)}
