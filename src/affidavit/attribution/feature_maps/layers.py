"""Layers by name: paths of modules, uses of a module (`relu@1`), and nodes of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from affidavit.errors import DomainError, ModelError, nearest
from affidavit.graph import Graph


class Use(NamedTuple):
    """A module's path and which of its calls is meant: from 0 on, None for the only one."""

    path: str
    number: int | None


def names_of(layers: str | Sequence[str]) -> tuple[str, ...]:
    """The layers' names, each once. Raises DomainError unless they are names, at least one."""
    found = (layers,) if isinstance(layers, str) else tuple(dict.fromkeys(layers))
    if not found or not all(isinstance(name, str) for name in found):
        raise DomainError(
            f"layers is {layers!r}; expected the name of a module or of a node, or several"
        )
    return found


def use_of(model: nn.Module, layer: str) -> Use | None:
    """The module that a layer's name stands for, if the model has it."""
    known = {name for name, _ in model.named_modules() if name}
    if layer in known:
        return Use(layer, None)
    path, mark, number = layer.rpartition("@")
    return Use(path, int(number)) if mark and number.isdecimal() and path in known else None


def unknown(layer: str, model: nn.Module, graph: Graph | None) -> ModelError:
    """The error for a name that neither a module nor a node has."""
    modules = [name for name, _ in model.named_modules() if name]
    nodes = [] if graph is None else [node.name for node in graph.nodes]
    return ModelError(
        f"the model has no layer {layer!r}{nearest(layer, [*modules, *nodes])}; it has"
        f" {', '.join(modules) or 'no modules'}"
    )


def results(graph: Graph, path: str) -> list[str]:
    """The values that a module hands on: those of its nodes that are used outside of it.

    One for each use of the module, in the order of the graph; none if no node came from it.
    """
    inside = {
        node.name
        for node in graph.nodes
        if node.module == path or node.module.startswith((f"{path}.", f"{path}/"))
    }
    used = {o for node in graph.nodes if node.name not in inside for o in node.operands}
    return [n.name for n in graph.nodes if n.name in inside and (n.name in used | {graph.output})]


def node_of(graph: Graph, layer: str) -> str:
    """The node whose value a layer of a graph is: of that name, or the last of that module.

    Raises:
        ModelError: there is none, with the nearest name, or there are several.
    """
    names = [node.name for node in graph.nodes]
    if layer in names:
        return layer
    found = results(graph, layer)
    if not found and "@" in layer:
        path, _, number = layer.rpartition("@")
        several = results(graph, path)
        if number.isdecimal() and int(number) < len(several):
            return several[int(number)]
    if not found:
        known = [*names, *(node.module for node in graph.nodes if node.module)]
        raise ModelError(
            f"the graph has no node or module {layer!r} before its scores{nearest(layer, known)}"
        )
    if len(found) > 1:
        raise ModelError(
            f"the layer {layer!r} has {len(found)} results in the graph: name one of the nodes"
            f" {', '.join(found)}, or, if it is a module that is used so often, '{layer}@0' to"
            f" '{layer}@{len(found) - 1}'"
        )
    return found[0]


def several_uses(layer: str, count: int) -> ModelError:
    """The error for a module that is used more than once, without a word on which use is meant."""
    return ModelError(
        f"the layer {layer!r} is used {count} times in a forward pass; name one of"
        f" '{layer}@0' to '{layer}@{count - 1}'. (Their conductances are not summed: where one"
        " use feeds another, the same contribution would count twice.)"
    )
