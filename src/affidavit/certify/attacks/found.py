"""What an attack hands back, and the best that it has seen so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from affidavit.certify.attacks.adversary import Adversary, Point


@dataclass(frozen=True, eq=False)
class Found:
    """The best that an attack found for each input.

    Attributes:
        x: inputs, [batch, *input_shape]: the given ones where only weights vary.
        params: each input's own weights, by name, [batch, *shape]: those that vary, None if none.
        explanation: what the network itself, no surrogate of it, gives there, of the shape of x.
        value: the measure h of it, [batch], in double precision.
        success: whether the adversary has what it wants, bool [batch].
        evaluations: gradients of the network that were taken for each input.
    """

    x: Tensor
    params: Mapping[str, Tensor] | None
    explanation: Tensor
    value: Tensor
    success: Tensor
    evaluations: int


class Best:
    """The best point seen for each input of a batch."""

    def __init__(self, adversary: Adversary) -> None:
        self.adversary = adversary
        self.point = adversary.start
        self.loss = merit(adversary, adversary.explain(self.point))

    def offer(self, index: Tensor, loss: Tensor, point: Point) -> None:
        """Takes what is better for inputs given by number, each at most once.

        Better by more than rounding: many points have one explanation, and the first stays.
        """
        worst = self.loss[index]
        slack = 16 * torch.finfo(self.adversary.x.dtype).eps * worst.abs()
        better = loss < worst - torch.where(worst.isinf(), 0.0, slack)
        rows = index[better]
        self.loss[rows] = loss[better]
        for name, value in point.items():
            self.point[name][rows] = value[better].detach()

    def found(self, evaluations: int) -> Found:
        """The result, explained anew."""
        adversary = self.adversary
        explanation = adversary.explain(self.point)
        value = adversary.wanted.value(explanation)
        params = {k: v for k, v in self.point.items() if k != adversary.graph.input}
        return Found(
            x=self.point.get(adversary.graph.input, adversary.x),
            params=params or None,
            explanation=explanation,
            value=value,
            success=adversary.wanted.succeeds(value),
            evaluations=evaluations,
        )


def merit(adversary: Adversary, explanation: Tensor) -> Tensor:
    """What the adversary makes small, infinite where it is undefined, [batch]."""
    loss = adversary.wanted.loss(adversary.wanted.value(explanation))
    return torch.where(loss.isnan(), torch.inf, loss)
