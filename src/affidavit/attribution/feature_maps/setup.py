"""What a call works on: the network, its graph if it has one, and the layers' places in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from affidavit.attribution.feature_maps.flow import score_graph
from affidavit.attribution.feature_maps.layers import (
    Use,
    node_of,
    results,
    unknown,
    use_of,
)
from affidavit.attribution.feature_maps.networks import Network, TappedGraph, WatchedModule
from affidavit.errors import AffidavitError, DataError, ModelError
from affidavit.graph import Graph, fold_batch_norm, load
from affidavit.graph.from_keras import is_keras

# Of what a layer gives, as a share of its largest entry: far above rounding, far below another
# layer's values.
_ALIKE = 1e-3


@dataclass(frozen=True, eq=False)
class Setup:
    """The network under attribution.

    Attributes:
        network: maps inputs to layers and scores; a final softmax is left out.
        graph: the same as a graph up to the scores, in the inputs' dtype; None if there is none.
        nodes: of each layer that was found in the graph, the node.
        fault: why there is no graph.
    """

    network: Network
    graph: Graph | None
    nodes: Mapping[str, str]
    fault: AffidavitError | None = None

    def place(self, layer: str, method: str) -> tuple[Graph, str]:
        """The graph and the layer's node in it. Raises ModelError, with the method, without."""
        if self.graph is None or layer not in self.nodes:
            why = self.fault or "the layer has no value of its own in the model's graph"
            raise ModelError(
                f"method={method!r} needs the layer {layer!r} in a graph of the model, and there"
                f" is none: {why}. method='riemann' does without."
            )
        return self.graph, self.nodes[layer]

    def folded(self) -> Network:
        """A network for many passes: batch norm merged into convolutions, where layers permit."""
        if self.graph is None or not isinstance(self.network, TappedGraph):
            return self.network
        view = fold_batch_norm(self.graph)
        if any(node in view.merged_into for node in self.nodes.values()):
            return self.network
        like = next(tensor for tensor in self.graph.tensors.values() if tensor.is_floating_point())
        nodes = {layer: view.name_of(node) for layer, node in self.nodes.items()}
        return TappedGraph(converted(view.graph, like), nodes)


def set_up(
    model: nn.Module | Graph, layers: tuple[str, ...], inputs: Tensor, graph: Graph | None
) -> Setup:
    """The setup of a call.

    A graph is preferred where the layers are found in it: it is the same function with fewer
    steps, and its final softmax can be left out.

    Args:
        model: module or graph.
        layers: their names.
        inputs: [batch, ...], for shape, dtype and device; one of them is tried.
        graph: of the model, if it was made before.

    Raises:
        ModelError: an unknown layer, a bare name of a module that is used more than once, or a
            model that gives probabilities and has no graph.
        DataError: inputs of another dtype or on another device than a module.
    """
    if isinstance(model, Graph):
        found = converted(score_graph(model), inputs)
        nodes = {layer: node_of(found, layer) for layer in layers}
        return Setup(TappedGraph(found, nodes), found, nodes)
    if is_keras(model):
        return set_up(load(model, inputs[:1] if len(inputs) else None), layers, inputs, None)
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"the model is a {type(model).__name__}; expected an nn.Module or a graph"
            " (affidavit.graph.load makes one of a file)"
        )
    own = next((one for one in model.parameters() if one.is_floating_point()), inputs)
    if own.dtype != inputs.dtype or own.device != inputs.device:
        raise DataError(
            f"the inputs are {inputs.dtype} on {inputs.device}, the model's parameters {own.dtype}"
            f" on {own.device}: give inputs.to({own.dtype}).to({str(own.device)!r})"
        )
    example = inputs[:1] if len(inputs) else inputs.new_zeros((1, *inputs.shape[1:]))
    fault: AffidavitError | None = None
    if graph is None:
        try:
            graph = load(model, example)
        except AffidavitError as error:
            fault = error
    whole = None if graph is None else converted(score_graph(graph), inputs)
    uses = {layer: use_of(model, layer) for layer in layers}
    for layer, use in uses.items():
        if use is None and (whole is None or layer not in {n.name for n in whole.nodes}):
            raise unknown(layer, model, whole)
    watched = WatchedModule(model, {name: use for name, use in uses.items() if use is not None})
    with watched.evaluating():
        try:
            values, scores = watched(example)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise ModelError(
                f"the model fails on an input of shape {list(example.shape)}:"
                f" {str(error).splitlines()[0]}"
            ) from error
    nodes = {} if whole is None else _located(whole, uses, values, example)
    if whole is not None and len(nodes) == len(layers):
        return Setup(TappedGraph(whole, nodes), whole, nodes)
    missing = [layer for layer in layers if uses[layer] is None]
    if missing:
        strangers = [layer for layer in layers if layer not in nodes]
        raise ModelError(
            f"{missing[0]!r} is a node of the graph, {strangers[0]!r} a module that has none:"
            " ask for them in two calls"
        )
    if (graph is not None and whole is not None and whole.output != graph.output) or (
        fault is not None and _probabilities(scores)
    ):
        raise ModelError(
            "the model gives probabilities, and conductance is of the scores before the softmax:"
            " give a model without its last softmax"
        )
    return Setup(watched, whole, nodes, fault)


def converted(graph: Graph, like: Tensor) -> Graph:
    """The graph in the dtype and on the device of a tensor; itself, if it is so."""
    floating = [tensor for tensor in graph.tensors.values() if tensor.is_floating_point()]
    if all(t.dtype == like.dtype and t.device == like.device for t in floating):
        return graph
    return graph.to(like.dtype, like.device)


def _located(
    graph: Graph, uses: Mapping[str, Use | None], values: Mapping[str, Tensor], example: Tensor
) -> dict[str, str]:
    """The nodes whose values are what the modules gave; layers without such a node are left out."""
    found: dict[str, str] = {}
    for layer, use in uses.items():
        if use is None:
            found[layer] = layer
            continue
        several = results(graph, use.path)
        number = use.number or 0
        if number < len(several):
            found[layer] = several[number]
    with torch.no_grad():
        there = graph.values(example, set(found.values()))
    return {
        layer: node
        for layer, node in found.items()
        if layer not in values or _alike(values[layer], there[node])
    }


def _alike(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool((a - b).abs().max() <= _ALIKE * a.abs().max())


def _probabilities(scores: Tensor) -> bool:
    ones = torch.ones_like(scores[:, 0])
    return scores.shape[1] > 1 and bool(
        (scores >= 0).all() and torch.allclose(scores.sum(1), ones, atol=1e-4)
    )
