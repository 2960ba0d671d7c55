"""Conductance by equation 5: one neuron and one step at a time, then summed over the maps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor


def of_maps(
    before: Callable[[Tensor], Tensor],
    after: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    baseline: Tensor,
    target: int,
    steps: int,
) -> list[float]:
    """Conductance of each feature map for one input.

    Args:
        before: from a batch of one input to the layer, [1, channel, ...].
        after: from the layer and the input to scores, [1, class]; the input is for what goes round
            the layer.
        x, baseline: one input each, without the batch.
    """

    def at(step: int) -> Tensor:
        return (baseline + step / steps * (x - baseline))[None]

    found = [0.0] * before(x[None]).shape[1]
    for step in range(1, steps + 1):
        here, earlier = before(at(step)).detach(), before(at(step - 1)).detach()
        for neuron in product(*(range(size) for size in here.shape[1:])):
            place = (0, *neuron)
            alone = here[place].clone().requires_grad_(True)
            layer = here.clone()
            layer[place] = alone
            score = after(layer, at(step))[0, target]
            (slope,) = torch.autograd.grad(score, alone)
            found[neuron[0]] += float(slope * (here[place] - earlier[place]))
    return found
