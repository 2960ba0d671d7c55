"""One adversary: what it may change of a network and its inputs, and what it wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor, nn

from affidavit.certify.attacks.objective import Objective
from affidavit.certify.attacks.smoothing import crossing, kinks, smooth_value
from affidavit.certify.target import Score, by_class
from affidavit.errors import DomainError, ModelError
from affidavit.graph import BATCH, Graph, Interval

Attribution: TypeAlias = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""(module, inputs [batch, *input_shape], classes [batch]) -> attributions of the inputs' shape."""

Point: TypeAlias = dict[str, Tensor]
"""What an adversary chose, by name of the graph's input or of a parameter, each [batch, *shape]."""

Sharpness: TypeAlias = Mapping[str, Tensor]


class Network(nn.Module):
    """A graph as a module that gives logits, for attributions that ask for one.

    Attributes:
        graph: the network.
        node: the value that holds the logits.
        sharpness: β by node where kinks are rounded off; None for the network itself.
        params: tensors in place of the graph's own.
    """

    def __init__(
        self,
        graph: Graph,
        node: str,
        sharpness: Sharpness | None = None,
        params: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.graph, self.node, self.sharpness, self.params = graph, node, sharpness, params
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Logits, [batch, class]."""
        if self.sharpness is None:
            return by_class(self.graph.values(x, (self.node,), self.params)[self.node])
        return by_class(smooth_value(self.graph, self.node, x, self.sharpness, self.params))


@dataclass(frozen=True, eq=False)
class Adversary:
    """What may be changed, and what is wanted.

    Attributes:
        graph: the network.
        score: what the explanation is the gradient of.
        x: the inputs, [batch, *input_shape].
        room: what may be chosen, by name: inputs [batch, *input_shape], parameters [1, *shape].
        attribution: what explains in place of the gradient.
        objective: what is wanted of the explanation.
    """

    graph: Graph
    score: Score
    x: Tensor
    room: Mapping[str, Interval]
    attribution: Attribution | None = None
    objective: Objective | None = None

    def take(self, index: Tensor) -> Adversary:
        """The adversary of inputs picked by number."""
        second = self.score.second
        score = replace(
            self.score,
            first=self.score.first[index],
            second=None if second is None else second[index],
        )
        room = {
            name: Interval(box.lower[index], box.upper[index]) if name == self.graph.input else box
            for name, box in self.room.items()
        }
        objective = None if self.objective is None else self.objective.take(index)
        return replace(self, score=score, x=self.x[index], room=room, objective=objective)

    @property
    def wanted(self) -> Objective:
        """The objective, which every attack needs."""
        if self.objective is None:
            raise DomainError("the adversary has no objective")
        return self.objective

    @property
    def start(self) -> Point:
        """What is there before the attack."""
        point = {}
        for name in self.room:
            if name == self.graph.input:
                point[name] = self.x.clone()
            else:
                weight = self.graph.tensors[name].detach().to(self.x.device, self.x.dtype)
                point[name] = weight.expand(len(self.x), *weight.shape).clone()
        return point

    def explain(self, point: Point, sharpness: Sharpness | None = None) -> Tensor:
        """Explanations at a point, [batch, *input_shape].

        With a sharpness by node, [batch] each, of the network whose kinks are rounded off; the
        explanation is then differentiable by the point where the attribution is.
        """
        x = point.get(self.graph.input, self.x)
        params = {name: value for name, value in point.items() if name != self.graph.input}
        with torch.enable_grad():
            if not x.requires_grad:
                x = x.detach().requires_grad_(True)
            if self.attribution is not None:
                found = self._attribute(self.attribution, x, params, sharpness)
            else:
                score = self.score.of(self._logits(x, params, sharpness)).sum()
                (found,) = torch.autograd.grad(
                    score, x, create_graph=sharpness is not None, materialize_grads=True
                )
        return found if sharpness is not None else found.detach()

    def spreads(self, points: list[Point]) -> Sharpness:
        """How far the operand of each kink moves from where it was, by node, [batch].

        The mean over its entries and over the points: the width over which a bend must reach to
        be felt within the room.
        """
        nodes = kinks(self.graph, self.score.node)
        names = sorted(
            {
                name
                for node in nodes
                for name in node.operands
                if self.graph.shapes[name][:1] == (BATCH,)
            }
        )
        constants = {
            name: self.graph.tensors[name].to(self.x.device, self.x.dtype)
            for node in nodes
            for name in node.operands
            if name in self.graph.tensors
        }
        if not nodes:
            return {}
        before = self._values(self.start, names) | constants
        none = torch.zeros(len(self.x), device=self.x.device, dtype=self.x.dtype)
        found = {node.name: none for node in nodes}
        sizes = dict(found)
        for point in points:
            after = self._values(point, names) | constants
            for node in nodes:
                moved, stood = (_finite(crossing(node, values)) for values in (after, before))
                found[node.name] = found[node.name] + (moved - stood).abs().flatten(1).mean(1)
                sizes[node.name] = sizes[node.name] + stood.abs().flatten(1).mean(1)
        least = torch.finfo(self.x.dtype).eps
        return {
            name: (torch.maximum(spread, sizes[name] * least) / len(points)).clamp(min=least)
            for name, spread in found.items()
        }

    def _logits(self, x: Tensor, params: Point, sharpness: Sharpness | None) -> Tensor:
        if not params:
            found: Tensor = Network(self.graph, self.score.node, sharpness)(x)
            return found

        def one(x: Tensor, params: Point, sharpness: Sharpness | None) -> Tensor:
            found: Tensor = Network(self.graph, self.score.node, sharpness, params)(x[None])
            return found[0]

        each = 0 if sharpness is not None else None
        every: Tensor = torch.func.vmap(one, (0, 0, each))(x, params, sharpness)
        return every

    def _values(self, point: Point, names: list[str]) -> Point:
        """Values of nodes without a gradient, each [batch, ...]."""
        x = point.get(self.graph.input, self.x)
        params = {name: value for name, value in point.items() if name != self.graph.input}
        with torch.no_grad():
            if not params:
                return self.graph.values(x, names)

            def one(x: Tensor, params: Point) -> Point:
                with torch.enable_grad():  # nothing is overwritten
                    values = self.graph.values(x[None], names, params)
                return {name: value[0] for name, value in values.items()}

            found: Point = torch.func.vmap(one)(x, params)
            return found

    def _attribute(
        self, attribution: Attribution, x: Tensor, params: Point, sharpness: Sharpness | None
    ) -> Tensor:
        # Attributions may repeat their inputs in any order: one sharpness for all.
        common = None if sharpness is None else {k: b.mean() for k, b in sharpness.items()}
        if not params:
            network = Network(self.graph, self.score.node, common)
            return _checked(attribution(network, x, self.score.first), x)
        # Each input has its own network.
        parts = []
        for i in range(len(x)):
            own = {name: value[i] for name, value in params.items()}
            network = Network(self.graph, self.score.node, common, own)
            part, target = x[i : i + 1], self.score.first[i : i + 1]
            parts.append(_checked(attribution(network, part, target), part))
        return torch.cat(parts)


def _finite(z: Tensor) -> Tensor:
    """Padding of a pool that is infinite counts as 0."""
    return torch.where(z.isfinite(), z, 0.0)


def _checked(found: object, x: Tensor) -> Tensor:
    if not isinstance(found, Tensor) or found.shape != x.shape:
        seen = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ModelError(
            f"the attribution gave {seen} for inputs {list(x.shape)}; expected a tensor of their"
            " shape"
        )
    return found
