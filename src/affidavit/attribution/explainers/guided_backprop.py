"""Guided backpropagation: only what excites what excites the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from affidavit.attribution.batches import BATCH_SIZE, batches
from affidavit.attribution.classifier import Classifier
from affidavit.attribution.explainers.explainer import (
    Explainer,
    logits,
    require_positive,
)
from affidavit.attribution.explainers.interception import (
    Interception,
    custom_steps,
    name_of,
    require_visible,
)
from affidavit.errors import ModelError

_RELU = ("relu", "relu_", "relu6")
_CLIPPED = ("hardtanh", "hardtanh_", "clamp", "clamp_", "clip", "clip_")


@final
@dataclass(frozen=True)
class GuidedBackprop(Explainer):
    """Gradient whose negative parts are dropped at every ReLU on the way back.

    Every ReLU and ReLU6 counts, whether module, function or method, in place or not, and as often
    as it is called. Other activations pass the plain gradient. The greatest size over the channels
    of a pixel is taken.

    Attributes:
        batch_size: images at once.

    Raises ModelError for a model without a ReLU: the result would be the plain gradient. It is
    known to depend little on the weights (Adebayo et al. 2018).

    Source: Springenberg et al. 2015, section 3.4.
    """

    batch_size: int = BATCH_SIZE

    def __post_init__(self) -> None:
        require_positive(batch_size=self.batch_size)

    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        parts = batches(self.batch_size, pixels, target)
        return torch.cat([_guided(classifier, *part).abs().amax(1) for part in parts])


def _guided(classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
    gates = 0

    def rule(function: Any, given: tuple[Any, ...], options: dict[str, Any]) -> Any:
        nonlocal gates
        made = function(*given, **options)
        if _is_relu(name_of(function), given, options) and made.requires_grad:
            gates += 1
            # On the result: right for steps in place too. The ReLU's own slope follows.
            made.register_hook(lambda slope: slope.clamp_min(0))
        return made

    require_visible(classifier.model)
    with torch.enable_grad():
        leaf = pixels.detach().requires_grad_(True)
        with Interception(rule):
            score = logits(classifier, leaf, target).sum()
        if not gates:
            own = custom_steps(score)
            hint = f"; what its steps {', '.join(own)} are cannot be told" if own else ""
            raise ModelError(
                f"guided backpropagation changes what a ReLU passes back; the model has none{hint}"
            )
        return torch.autograd.grad(score, leaf)[0]


def _is_relu(name: str, given: tuple[Any, ...], options: dict[str, Any]) -> bool:
    if name in _RELU:
        return True
    if name in ("clamp_min", "clamp_min_"):
        return (given[1] if len(given) > 1 else options.get("min")) == 0
    if name not in _CLIPPED:
        return False
    # Cut off at 0 from below, at something or nothing from above.
    least = given[1] if len(given) > 1 else options.get("min", options.get("min_val", -1.0))
    return isinstance(least, int | float) and least == 0
