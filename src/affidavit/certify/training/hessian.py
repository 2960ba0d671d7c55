"""Penalty on the curvature of the explained output, for networks that have one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.certify.training.objective import Objective, Task, Terms, explained
from affidavit.certify.training.schedules import Schedule
from affidavit.errors import ModelError


def with_softplus(model: nn.Module, beta: float = 8.0) -> nn.Module:
    """A copy of the model with `log(1 + exp(β x)) / β` in place of each ReLU module.

    Raises:
        ModelError: it has no `torch.nn.ReLU`, or β is not positive. ReLUs that are called as
            functions cannot be found.

    Source: Dombrowski et al. 2022.
    """
    if not beta > 0:
        raise ModelError(f"beta is {beta}; expected a positive number")
    found = copy.deepcopy(model)
    places = [
        (parent, name)
        for parent in found.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.ReLU)
    ]
    if not places:
        raise ModelError(
            f"{type(model).__name__} has no torch.nn.ReLU to replace: make its activations modules"
        )
    for parent, name in places:
        setattr(parent, name, nn.Softplus(beta))
    return found


@final
class HessianNormLoss(Objective):
    """`L(f(x)) + α ‖H‖²_F`, H being the Hessian of the label's output by the input.

    The squared Frobenius norm is estimated without bias by one random vector product an input:
    `E ‖H v‖²` over standard normal v. A network of ReLUs has no Hessian; see :func:`with_softplus`.

    Args:
        model: the network that is trained, with smooth activations.
        alpha: factor of the penalty.
        task: the task's loss of outputs and labels.
        seed: of the vectors.

    Raises:
        ModelError: the model holds ReLUs, or is linear.

    Source: Dombrowski et al. 2022 (Hessian norm, softplus).
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        alpha: float | Schedule,
        task: Task = F.cross_entropy,
        seed: int = 0,
    ) -> None:
        super().__init__(model, alpha=alpha, task=task)
        self.seed = seed
        if any(isinstance(module, nn.ReLU) for module in model.modules()):
            raise ModelError(
                "the Hessian of a ReLU network is 0 wherever it exists: train"
                " affidavit.certify.training.with_softplus(model) instead"
            )

    def _terms(self, x: Tensor, y: Tensor, alpha: float) -> Terms:
        if alpha == 0:
            output = self.model(x)
            return Terms(output, self.task(output, y))
        x = x.detach().requires_grad_()
        output = self.model(x)
        score = explained(output, y).sum()
        (gradient,) = torch.autograd.grad(score, x, create_graph=True)
        vector = torch.randn(x.shape, generator=self.generator(self.seed), dtype=x.dtype)
        directed = (gradient * vector.to(x.device)).sum()
        product = None
        if directed.requires_grad:
            (product,) = torch.autograd.grad(directed, x, create_graph=True, allow_unused=True)
        if product is None:
            raise ModelError("the model is linear in its input: there is no Hessian to penalise")
        penalty = product.flatten(1).square().sum(1).mean()
        return Terms(output, self.task(output, y), penalty, alpha)

    def settings(self) -> Mapping[str, str]:
        return {**super().settings(), "seed": str(self.seed)}
