"""Sums along the straight path from baseline to input, one step in memory at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from affidavit.attribution.classifier import finite
from affidavit.attribution.feature_maps.networks import Network
from affidavit.attribution.targets import Target, classes
from affidavit.errors import ModelError


class Ends(NamedTuple):
    """What the network gives at the two ends of the path.

    `values` and `scores` are at the input, `start` and `start_scores` at the baseline, [batch, ...]
    or [1, ...] where all inputs share it.
    """

    values: Mapping[str, Tensor]
    scores: Tensor
    start: Mapping[str, Tensor]
    start_scores: Tensor


class Sums(NamedTuple):
    """Sums by layer [batch, channel] in double precision, classes [batch], the path's ends."""

    sums: dict[str, Tensor]
    target: Tensor
    ends: Ends


def riemann(
    network: Network,
    x: Tensor,
    baseline: Tensor,
    start: tuple[Mapping[str, Tensor], Tensor],
    target: Target,
    steps: int,
    layers: Collection[str],
) -> Sums:
    """Equation 5, summed over space: `Σ_k ∂f(x_k)/∂y · (y(x_k) − y(x_{k−1}))`, `x_n` the input.

    The steps are taken from the input backwards, so that the first of them gives the predicted
    class. Besides the step at hand, only the later step's value and gradient are kept.

    Args:
        network: in evaluation.
        x: inputs, [batch, ...].
        baseline: [batch, ...] or [1, ...].
        start: what the network gives at the baseline.
        target: see :func:`affidavit.attribution.targets.classes`.
        steps: n, at least 1.
        layers: that are summed. With none of them there is one forward pass and no step.

    Raises ModelError where the scores are not finite, or do not depend on a layer.
    """
    sums: dict[str, Tensor] = {}
    values, scores = network(x, layers)
    ends = Ends({name: value.detach() for name, value in values.items()}, scores.detach(), *start)
    finite(ends.scores)
    if not bool(torch.isfinite(ends.start_scores).all()):
        raise ModelError("the model gives NaN or infinite scores for a baseline; give another one")
    chosen = classes(target, ends.scores)
    if not layers:
        return Sums(sums, chosen, ends)
    later = _step(values, scores, chosen, layers)
    for step in range(steps - 1, -1, -1):
        reached: dict[str, tuple[Tensor, Tensor]] = {}
        if step:
            values, scores = network(baseline + (step / steps) * (x - baseline), layers)
            reached = _step(values, scores, chosen, layers)
        for name, (value, slope) in later.items():
            before = reached[name][0] if step else ends.start[name]
            part = over_space(slope, value - before)
            sums[name] = sums[name] + part if name in sums else part
        later = reached
    return Sums(sums, chosen, ends)


def _step(
    values: Mapping[str, Tensor], scores: Tensor, target: Tensor, layers: Collection[str]
) -> dict[str, tuple[Tensor, Tensor]]:
    """The layers' values and the gradients of the targets' scores by them."""
    slopes = gradients(scores, target, {name: values[name] for name in layers})
    return {name: (values[name].detach(), slope) for name, slope in slopes.items()}


def gradients(scores: Tensor, target: Tensor, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of each input's score of its target, by the values of each layer.

    Raises ModelError, with the layer's name, where the scores do not depend on one.
    """
    with torch.enable_grad():
        chosen = scores.gather(1, target[:, None]).sum()
    found = (
        torch.autograd.grad(chosen, list(values.values()), allow_unused=True)
        if chosen.requires_grad
        else (None,) * len(values)
    )
    for name, slope in zip(values, found, strict=True):
        if slope is None:
            raise ModelError(f"the layer {name!r} does not affect the scores; name another layer")
    return {name: slope for name, slope in zip(values, found, strict=True) if slope is not None}


def over_space(slope: Tensor, change: Tensor) -> Tensor:
    """Sum over all axes but batch and channel of a product, [batch, channel], in double."""
    product = slope * change
    axes = tuple(range(2, product.ndim))
    return (product.sum(axes) if axes else product).double()
