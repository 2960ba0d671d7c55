"""The closed form, where everything after the layer is affine up to the scores.

Then `∂f/∂y` is the same all along the path, and equation 4 telescopes: the conductance of a map is
the sum over its places of `∂f/∂y · (y(x) − y(x′))`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.attribution.feature_maps.flow import after, dependents
from affidavit.graph import BATCH, Graph
from affidavit.graph.interpreter import evaluate


class Tail:
    """The affine steps from a layer to the scores, as weights for each class.

    A class's weights are worked out when it is first asked for, and kept.

    Args:
        graph: up to the scores.
        layer: a node; what follows it is affine, see
            :func:`affidavit.attribution.feature_maps.flow.not_affine`.
    """

    def __init__(self, graph: Graph, layer: str) -> None:
        self.graph, self.layer = graph, layer
        self._of_class: dict[int, Tensor] = {}

    def weights(self, target: Tensor) -> Tensor:
        """The slope of each input's score by the layer, [batch, channel, *space].

        Where it is the same at all places of every map, as after average pooling, the spatial axes
        have length 1.
        """
        wanted, places = torch.unique(target, return_inverse=True)
        new = [number for number in wanted.tolist() if number not in self._of_class]
        if new:
            self._of_class |= dict(zip(new, _narrowed(self._slopes(new)), strict=True))
        found = [self._of_class[number] for number in wanted.tolist()]
        return torch.stack(torch.broadcast_tensors(*found))[places]  # type: ignore[no-untyped-call]

    def _slopes(self, numbers: list[int]) -> Tensor:
        """The gradient of each class's score; an affine map has it anywhere, so also at 0."""
        graph, count = self.graph, len(numbers)
        moving, later = dependents(graph, graph.input), dependents(graph, self.layer)
        steps = after(graph, self.layer)
        like = next(t for t in graph.tensors.values() if t.is_floating_point())

        def nothing(name: str) -> Tensor:
            # What goes round the layer adds to the scores, but not to their slope.
            shape = [count if size == BATCH else size for size in graph.shapes[name]]
            return torch.zeros(shape, dtype=like.dtype, device=like.device)

        env = dict(graph.tensors)
        for node in graph.nodes:
            if node.name not in moving:
                env[node.name] = evaluate(node.op, *[env[name] for name in node.operands])
        for name in {o for node in steps for o in node.operands if o in moving and o not in later}:
            env[name] = nothing(name)
        with torch.enable_grad():
            env[self.layer] = leaf = nothing(self.layer).requires_grad_(True)
            for node in steps:
                env[node.name] = evaluate(node.op, *[env[name] for name in node.operands])
            scores = env[graph.output]
            own = scores.gather(1, torch.tensor(numbers, device=scores.device)[:, None]).sum()
            (slopes,) = torch.autograd.grad(own, leaf)
        return slopes


def _narrowed(weights: Tensor) -> Tensor:
    if weights.ndim == 2:
        return weights
    first = weights.flatten(2)[..., 0].reshape(*weights.shape[:2], *(1,) * (weights.ndim - 2))
    return first if bool((weights == first).all()) else weights
