"""A network that shows the values of some layers, and takes gradients at them.

Two kinds: a live module, watched through hooks, and a graph. Both keep nothing on the tape before
the first layer that is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn

from affidavit.attribution.feature_maps.layers import Use, several_uses
from affidavit.attribution.model_state import preserved
from affidavit.errors import ModelError
from affidavit.graph import Graph
from affidavit.graph.interpreter import evaluate


class Network(ABC):
    """Maps inputs to the values of its layers and to scores [batch, class]."""

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """In which the network may be called; afterwards all is as it was."""
        yield

    @abstractmethod
    def __call__(
        self, x: Tensor, slopes: Collection[str] = ()
    ) -> tuple[Mapping[str, Tensor], Tensor]:
        """Values by layer, and scores.

        Args:
            x: inputs, [batch, ...].
            slopes: layers by whose values the scores can then be differentiated. Where none is
                named, nothing is recorded.

        Raises ModelError where a layer or the scores are no tensor with the batch first.
        """


@final
class WatchedModule(Network):
    """A module whose layers are watched by hooks.

    The module goes on with a copy of what a layer gave, so that a following step in place does not
    reach what is kept.

    Args:
        model: any module from one tensor to scores.
        layers: which call of which module each layer is.
    """

    def __init__(self, model: nn.Module, layers: Mapping[str, Use]) -> None:
        self.model, self.layers = model, dict(layers)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """The module in evaluation mode with frozen parameters; afterwards all is as it was."""
        with preserved(self.model):
            self.model.eval()
            for parameter in self.model.parameters():
                parameter.requires_grad_(False)
            yield

    def __call__(
        self, x: Tensor, slopes: Collection[str] = ()
    ) -> tuple[Mapping[str, Tensor], Tensor]:
        """As of :class:`Network`."""
        kept: dict[str, Tensor] = {}
        calls: Counter[str] = Counter()

        def watch(path: str) -> Any:
            def keep(module: nn.Module, given: Any, made: Any) -> Any:
                number = calls[path]
                calls[path] += 1
                names = [
                    n for n, use in self.layers.items() if use in ((path, number), (path, None))
                ]
                for name in names:
                    value = _batched(made, len(x), f"the layer {name!r}")
                    kept[name] = opened(value) if name in slopes else value
                    made = kept[name].clone()
                return made

            return keep

        handles = [
            self.model.get_submodule(path).register_forward_hook(watch(path))
            for path in dict.fromkeys(use.path for use in self.layers.values())
        ]
        try:
            with torch.set_grad_enabled(bool(slopes)):
                # A first step in place would overwrite the inputs.
                scores = self.model(x.detach().clone())
        finally:
            for handle in handles:
                handle.remove()
        for name, use in self.layers.items():
            if use.number is None and calls[use.path] > 1:
                raise several_uses(name, calls[use.path])
            if name not in kept:
                raise ModelError(
                    f"the model called {use.path!r} {calls[use.path]} times; the layer {name!r} is"
                    " none of them"
                )
        return kept, _scores(scores, len(x))


@final
class TappedGraph(Network):
    """A graph whose layers are nodes.

    Args:
        graph: up to the scores, in the dtype and on the device of the inputs.
        layers: the node of each layer.
    """

    def __init__(self, graph: Graph, layers: Mapping[str, str]) -> None:
        self.graph, self.layers = graph, dict(layers)
        later = {graph.output, *self.layers.values()}
        self._last_uses: list[list[str]] = []
        for node in reversed(graph.nodes):
            dead = [o for o in dict.fromkeys(node.operands) if o not in later]
            self._last_uses.append([name for name in dead if name not in graph.tensors])
            later.update(node.operands)
        self._last_uses.reverse()

    def __call__(
        self, x: Tensor, slopes: Collection[str] = ()
    ) -> tuple[Mapping[str, Tensor], Tensor]:
        """As of :class:`Network`."""
        if not slopes:
            with torch.no_grad():
                env = self.graph.values(x, {self.graph.output, *self.layers.values()})
        else:
            with torch.enable_grad():
                env = self._recorded(x, {self.layers[name] for name in slopes})
        found = {
            name: _batched(env[node], len(x), f"the layer {name!r}")
            for name, node in self.layers.items()
        }
        return found, _scores(env[self.graph.output], len(x))

    def _recorded(self, x: Tensor, leaves: set[str]) -> dict[str, Tensor]:
        self.graph.check_input(x)
        env = {**self.graph.tensors, self.graph.input: x.detach()}
        for node, dead in zip(self.graph.nodes, self._last_uses, strict=True):
            value = evaluate(node.op, *[env[name] for name in node.operands])
            env[node.name] = opened(value) if node.name in leaves else value
            for name in dead:
                del env[name]
        return env


def opened(value: Tensor) -> Tensor:
    """A value that gradients can be taken at: a new leaf, unless an earlier layer leads to it."""
    return value if value.requires_grad else value.detach().requires_grad_(True)


def _batched(value: Any, batch: int, what: str) -> Tensor:
    if not isinstance(value, Tensor) or value.ndim < 2 or len(value) != batch:
        seen = list(value.shape) if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise ModelError(
            f"{what} gave {seen} for a batch of {batch}; expected one tensor [batch, channel, ...]"
        )
    return value


def _scores(value: Any, batch: int) -> Tensor:
    if not isinstance(value, Tensor) or value.ndim != 2 or len(value) != batch:
        seen = list(value.shape) if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise ModelError(
            f"the model gave {seen} for a batch of {batch}; expected scores [batch, class]"
        )
    return value
