"""Attributions of captum, if it is installed, as an attack wants them: with a derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from affidavit.certify.attacks.adversary import Attribution


def from_captum(method: Callable[[nn.Module], Any], **options: Any) -> Attribution:
    """An attribution of captum for attacks.

    Methods that are made of gradients (`Saliency`, `InputXGradient`, `IntegratedGradients`) are
    differentiated through: captum itself drops the derivative of its gradients. Others are
    searched without a slope. Methods that put hooks on ReLU modules (`GuidedBackprop`,
    `Deconvolution`, `DeepLift`) do not apply: the graph has none.

    Args:
        method: class of the method, or what makes one of a module.
        options: passed on to its `attribute`.
    """

    def attribute(module: nn.Module, x: Tensor, target: Tensor) -> Tensor:
        made = method(module)
        if hasattr(made, "gradient_func"):
            made.gradient_func = _gradients
        found: Tensor = made.attribute(x, target=target, **options)
        return found

    return attribute


def _gradients(
    forward_fn: Callable[..., Tensor],
    inputs: tuple[Tensor, ...],
    target_ind: Any = None,
    additional_forward_args: Any = None,
) -> tuple[Tensor, ...]:
    """captum's gradient function, differentiable, for the calls that attacks make of it."""
    with torch.enable_grad():
        logits = forward_fn(*inputs)
        index = torch.as_tensor(target_ind, device=logits.device).expand(len(logits))
        chosen = logits.gather(1, index[:, None])
        return torch.autograd.grad(chosen.sum(), inputs, create_graph=True)
