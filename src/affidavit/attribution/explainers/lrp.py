"""Layer-wise relevance propagation with the epsilon rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from affidavit.attribution.batches import BATCH_SIZE, batches
from affidavit.attribution.classifier import Classifier
from affidavit.attribution.explainers.explainer import (
    Explainer,
    after_preprocessing,
    require_positive,
)
from affidavit.attribution.explainers.interception import (
    Interception,
    custom_steps,
    name_of,
    require_visible,
)
from affidavit.attribution.explainers.lrp_rules import RULES, has_rule
from affidavit.errors import DomainError, ModelError


@final
@dataclass(frozen=True)
class LRPEpsilon(Explainer):
    """The target's score, handed back step by step to what it was a sum of.

    Of `z = Σ_j w_j x_j + b` with relevance R, the input j receives `w_j x_j R / (z + ε sign z)`;
    biases and ε keep their share. Convolution, linear, batch norm (in evaluation), average pooling
    and sums are such steps; activations pass relevance on unchanged; max pooling hands all to the
    winner. What reaches the preprocessed image is summed over channels. Steps are told by the
    PyTorch function that does them, whatever module they are in.

    Attributes:
        epsilon: ε, in the units of z. As it goes to 0, a network of ReLU, without clipping from
            above, is explained by gradient times (preprocessed) input.
        batch_size: images at once.

    Raises ModelError, with the names, for steps without a rule, such as softmax or a product of two
    values.

    Source: Bach et al. 2015, equation 58; Montavon et al. 2019, table 1.
    """

    epsilon: float = 1e-6
    batch_size: int = BATCH_SIZE

    def __post_init__(self) -> None:
        require_positive(batch_size=self.batch_size)
        if not 0 < self.epsilon < float("inf"):
            raise DomainError(f"epsilon is {self.epsilon}; expected a number above 0")

    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        parts = batches(self.batch_size, pixels, target)
        return torch.cat([self._relevance(classifier, *part).sum(1) for part in parts])

    def _relevance(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        lacking: set[str] = set()

        def rule(function: Any, given: tuple[Any, ...], options: dict[str, Any]) -> Any:
            name = name_of(function)
            # Within a step of the user's own, or under no_grad, nothing is passed back.
            before = torch.is_grad_enabled() and _is_live((given, options))
            if before and has_rule(name, given, options):
                return RULES[name](function, given, options, self.epsilon)
            made = function(*given, **options)
            if before and _is_live(made):
                lacking.add(name)
            return made

        require_visible(classifier.model)
        bare, x = after_preprocessing(classifier, pixels)
        with torch.enable_grad():
            x.requires_grad_(True)
            with Interception(rule):
                scores = bare(x)
            lacking.update(custom_steps(scores))
            if lacking:
                raise ModelError(
                    "LRP has no rule for these steps of the model as they are called:"
                    f" {', '.join(sorted(lacking))}"
                )
            chosen = scores.gather(1, target[:, None]).sum()
            (slopes,) = torch.autograd.grad(chosen, x)
        return slopes * x.detach()


def _is_live(value: Any) -> bool:
    """Whether there is a tensor in it that depends on the image."""
    if isinstance(value, Tensor):
        return value.requires_grad
    if isinstance(value, dict):
        return any(map(_is_live, value.values()))
    return isinstance(value, list | tuple) and any(map(_is_live, value))
