"""The features that a network decides on: what its last linear layer is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from affidavit.attribution.classifier import Classifier
from affidavit.errors import ModelError, nearest
from affidavit.graph import Graph, ops


@dataclass
class Penultimate:
    """What was last seen on its way into the layer.

    Attributes:
        layer: path of the module, or name of the node, whose input it is; empty before a pass.
        value: that input, [batch, ...].
    """

    layer: str = ""
    value: Tensor | None = field(default=None, repr=False)

    def features(self, batch: int) -> Tensor:
        """The input of the layer, flattened: [batch, feature].

        Raises ModelError when the pass met no such layer, or the layer's input has no row for
        each input.
        """
        if self.value is None:
            raise ModelError(
                "the model's pass met no nn.Linear, so there are no penultimate features; name the"
                " layer whose input they are: penultimate='path.of.the.module'"
            )
        if self.value.ndim < 2 or len(self.value) != batch:
            raise ModelError(
                f"the input of {self.layer!r} has the shape {list(self.value.shape)} for a batch"
                f" of {batch}; expected [batch, feature]: name another layer, penultimate='...'"
            )
        return self.value.detach().flatten(1)


@contextmanager
def watched(
    classifier: Classifier, layer: str | None = None
) -> Iterator[tuple[Classifier, Penultimate]]:
    """The classifier, and what each pass of it notes: the input of `layer`.

    Left out, the layer is the last `nn.Linear` that a pass comes to: in the order of the pass, not
    of the attributes, so that auxiliary heads that do not run in evaluation mode do not count. In
    a graph, it is the last linear op.

    Raises ModelError for a layer that does not exist, and a graph without a linear op.
    """
    seen = Penultimate()
    model = classifier.model
    if isinstance(model, Graph):
        seen.layer, node = node_before_last_linear(model, layer)
        noting = _Noting(model, node, seen)
        outputs = classifier._outputs
        yield Classifier(noting, classifier.preprocessing, classifier.data_range, outputs), seen
        return
    modules = dict(model.named_modules())
    if layer is not None and layer not in modules:
        raise ModelError(f"the model has no layer {layer!r}{nearest(layer, modules)}")
    wanted = (
        {name: one for name, one in modules.items() if isinstance(one, nn.Linear)}
        if layer is None
        else {layer: modules[layer]}
    )

    def note(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            if inputs and isinstance(inputs[0], Tensor):
                seen.layer, seen.value = name, inputs[0]

        return hook

    handles = [one.register_forward_pre_hook(note(name)) for name, one in wanted.items()]
    try:
        yield classifier, seen
    finally:
        for handle in handles:
            handle.remove()


class _Noting(nn.Module):
    """A graph that notes one of its values."""

    def __init__(self, graph: Graph, node: str, seen: Penultimate) -> None:
        super().__init__()
        self.graph, self.node, self.seen = graph, node, seen

    def forward(self, x: Tensor) -> Tensor:
        values = self.graph.values(x, (self.graph.output, self.node))
        self.seen.value = values[self.node]
        return values[self.graph.output]


def node_before_last_linear(graph: Graph, layer: str | None) -> tuple[str, str]:
    """(the layer, the value it is given) in a graph: of its last linear op unless `layer` says.

    Args:
        layer: name of a node or path of the module that it came from.

    Raises ModelError for no such layer.
    """
    behind = graph.ancestors((graph.output,))
    nodes = [node for node in graph.nodes if node.name in behind]
    if layer is None:
        found = [node for node in nodes if isinstance(node.op, ops.Linear)][-1:]
        if not found:
            raise ModelError(
                "the graph has no linear op, so there are no penultimate features; name the node"
                " whose input they are: penultimate='...'"
            )
    else:
        found = [node for node in nodes if layer in (node.name, node.module)][:1]
        if not found:
            known = {node.name for node in nodes} | {node.module for node in nodes} - {""}
            raise ModelError(f"the graph has no layer {layer!r}{nearest(layer, known)}")
    return found[0].module or found[0].name, found[0].operands[0]
