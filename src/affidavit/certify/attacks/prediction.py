"""Projected gradient descent on predictions, by changes of the input, of the weights, or of both.

What it finds is certain: each result is scored on the network itself. What it does not find may
be there all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from affidavit.certify.attacks.room import input_room, weight_room
from affidavit.certify.boxes import Range, Size
from affidavit.certify.target import logits_of
from affidavit.errors import DomainError
from affidavit.graph import Graph, Interval, load

Weights = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Misled:
    """Inputs and weights at which predictions were pushed as far as the attack came.

    Attributes:
        x: the inputs, [batch, *input_shape], within their boxes.
        params: each input's own weights by name, [batch, *shape], within theirs; None where
            weights do not vary.
        margin: how far the labelled class is ahead of the best other one there, [batch].
        before: the same at the inputs themselves, under the network's own weights, [batch].
        success: whether another class is ahead, [batch].
    """

    x: Tensor
    params: Weights | None
    margin: Tensor
    before: Tensor
    success: Tensor


def attack_predictions(
    model: Graph,
    x: Tensor,
    labels: Tensor,
    *,
    epsilon: Size = 0.0,
    gamma: float = 0.0,
    data_range: Range | None = None,
    level: float | None = None,
    steps: int = 40,
    restarts: int = 2,
    seed: int = 0,
) -> Misled:
    """Looks for inputs and weights in their boxes at which the label is not predicted.

    Sign steps along the gradient of the margin between the label and the best other class, from
    the input itself first and from random places after. Inputs without success go on.

    Args:
        model: the network.
        x: inputs, [batch, *input_shape].
        labels: output that should be ahead, [batch]; of a single output, 1 where it should be
            above the level and 0 where it should not.
        epsilon, gamma, data_range: the boxes, as of :func:`affidavit.certify.gradient_bounds`.
        level: of a single output, above which the second class is predicted.
        steps: gradients taken from each start.
        restarts: starts, the input itself among them.
        seed: of the random starts, which are alike for all inputs: none depends on the others of
            its batch.

    Raises:
        DomainError: boxes without meaning; a single output without a level.

    Guarantee: `empirical` for what is not found; what is found is a counterexample, evaluated in
    the dtype of x. Source: Madry et al. 2018.
    """
    graph = load(model)
    if steps < 1 or restarts < 1:
        raise DomainError(f"steps is {steps} and restarts {restarts}; expected at least 1 of each")
    x = x.detach()
    margin = _margin(graph, level)
    box = input_room(x, epsilon, data_range)
    weights = weight_room(graph, gamma, x)
    generator = torch.Generator().manual_seed(seed)
    best = _start(graph, x, weights)
    reached = _value(margin, best, labels, weights)
    before = reached.clone()
    best_x, best_params = best
    for restart in range(restarts):
        left = torch.nonzero(reached >= 0).squeeze(1)
        if not len(left):
            break
        part = Interval(box.lower[left], box.upper[left])
        point = _start(graph, x[left], weights)
        if restart:
            point = _random(part, weights, generator)
        for step in range(steps):
            point = _step(margin, point, labels[left], part, weights, _rate(step, steps))
            value = _value(margin, point, labels[left], weights)
            better = value < reached[left]
            rows = left[better]
            reached[rows] = value[better]
            best_x[rows] = point[0][better]
            for name in best_params:
                best_params[name][rows] = point[1][name][better]
    return Misled(best_x, best_params or None, reached, before, reached < 0)


Point = tuple[Tensor, Weights]
Margin = Callable[[Tensor, Tensor, Mapping[str, Tensor] | None], Tensor]


def _margin(graph: Graph, level: float | None) -> Margin:
    """How far labels are ahead at inputs, [batch], under given weights."""
    outputs = torch.Size(graph.shapes[graph.output][1:]).numel()
    if level is None:
        if outputs == 1:
            raise DomainError("the model has a single output: say above which level it decides")
        level = 0.0
    node = graph.output if outputs == 1 else logits_of(graph)

    def of(x: Tensor, labels: Tensor, params: Mapping[str, Tensor] | None) -> Tensor:
        y = graph.values(x, (node,), params)[node].flatten(1)
        if outputs == 1:
            return (y[:, 0] - level) * (2 * labels - 1)
        chosen = labels[:, None] == torch.arange(outputs, device=y.device)
        other = y.masked_fill(chosen, -torch.inf).amax(1)
        return y.gather(1, labels[:, None]).squeeze(1) - other

    return of


def _start(graph: Graph, x: Tensor, weights: Mapping[str, Interval]) -> Point:
    own = {name: graph.tensors[name].detach().to(x.device, x.dtype) for name in weights}
    return x.clone(), {
        name: weight.expand(len(x), *weight.shape).clone() for name, weight in own.items()
    }


def _random(box: Interval, weights: Mapping[str, Interval], generator: torch.Generator) -> Point:
    """A place in the boxes, drawn alike for all inputs, so that none depends on the others."""

    def within(ends: Interval) -> Tensor:
        shape = (1, *ends.lower.shape[1:])
        t = torch.rand(shape, generator=generator, dtype=torch.float64).to(ends.lower)
        return torch.clamp(ends.lower + t * (ends.upper - ends.lower), ends.lower, ends.upper)

    count = len(box.lower)
    params = {name: within(part) for name, part in weights.items()}
    every = {name: w.expand(count, *w.shape[1:]).clone() for name, w in params.items()}
    return within(box), every


def _rate(step: int, steps: int) -> float:
    """Share of a box's half-width that a step goes: across the box first, finely in the end."""
    return 2.0 * (1 - step / steps) / max(1.0, steps / 8)


def _step(
    margin: Margin,
    point: Point,
    labels: Tensor,
    box: Interval,
    weights: Mapping[str, Interval],
    rate: float,
) -> Point:
    slope_x, slopes = _slopes(margin, point, labels, bool(weights))
    x = torch.clamp(
        point[0] - slope_x.sign() * (box.upper - box.lower) / 2 * rate, box.lower, box.upper
    )
    params = {}
    for name, part in weights.items():
        moved = point[1][name] - slopes[name].sign() * (part.upper - part.lower) / 2 * rate
        params[name] = torch.clamp(moved, part.lower, part.upper)
    return x, params


def _slopes(margin: Margin, point: Point, labels: Tensor, each: bool) -> Point:
    """Gradients of the margins by inputs and by each input's own weights."""
    if not each:
        x = point[0].detach().requires_grad_(True)
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(margin(x, labels, None).sum(), x)
        return slope, {}

    def one(x: Tensor, params: Weights, label: Tensor) -> Tensor:
        return margin(x[None], label[None], params)[0]

    with torch.enable_grad():
        found: Point = torch.func.vmap(torch.func.grad(one, argnums=(0, 1)))(*point, labels)
    return found


def _value(margin: Margin, point: Point, labels: Tensor, weights: Mapping[str, Interval]) -> Tensor:
    """Margins without a gradient."""
    x, params = point
    with torch.no_grad():
        if not weights:
            return margin(x, labels, None)
        # One by one: what is reported is what the network itself gives under these weights.
        return torch.cat(
            [
                margin(x[i : i + 1], labels[i : i + 1], {k: p[i] for k, p in params.items()})
                for i in range(len(x))
            ]
        )
