"""Layer-wise relevance propagation by its definition: every layer a matrix, relevance a sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Step = Callable[[Tensor], Tensor]


def relevance(steps: Sequence[tuple[str, Step]], x: Tensor, target: int, epsilon: float) -> Tensor:
    """Relevance of each input of one image, of its shape.

    Args:
        steps: ("affine" or "activation" or "winner", function of one flat input).
        x: one image, flat, in double precision.
        target: the output that is explained.
        epsilon: of the rule.
    """
    values = [x]
    for _, step in steps:
        values.append(step(values[-1]))
    held = torch.zeros_like(values[-1])
    held[target] = values[-1][target]
    for (kind, step), inside, outside in zip(
        reversed(steps), reversed(values[:-1]), reversed(values[1:]), strict=True
    ):
        received = torch.zeros_like(inside)
        if kind == "activation":
            received = torch.where(inside == 0, torch.zeros_like(held), held)
            received[outside == 0] = 0
        elif kind == "winner":
            for i in range(len(outside)):
                slopes = torch.autograd.functional.jacobian(lambda z, s=step, i=i: s(z)[i], inside)
                received[int(slopes.argmax())] += held[i]
        else:
            bias = step(torch.zeros_like(inside))
            for j in range(len(inside)):
                one = torch.zeros_like(inside)
                one[j] = 1
                weights = step(one) - bias
                for i in range(len(outside)):
                    sign = 1.0 if outside[i] >= 0 else -1.0
                    share = inside[j] * weights[i] / (outside[i] + epsilon * sign)
                    received[j] += share * held[i]
        held = received
    return held
