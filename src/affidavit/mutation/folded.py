"""A graph whose batch norms are part of the weights before them, row by row."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from affidavit.graph import Graph, Node, drop_identities, ops
from affidavit.graph.graph import BATCH
from affidavit.graph.names import free_name
from affidavit.mutation.edits import Edit, Integers, Mutant, edited


@dataclass(frozen=True)
class Norm:
    """A batch norm by the names of its tensors."""

    scale: str
    shift: str
    mean: str
    variance: str
    epsilon: float

    @property
    def tensors(self) -> tuple[str, ...]:
        return self.scale, self.shift, self.mean, self.variance


@dataclass(frozen=True)
class Recipe:
    """What the weights of an affine node were made of: tensors of the source, by name."""

    weight: str
    bias: str | None
    norm: Norm | None

    @property
    def tensors(self) -> tuple[str, ...]:
        """The names."""
        bias = () if self.bias is None else (self.bias,)
        return (self.weight, *bias, *(self.norm.tensors if self.norm else ()))

    def rows(self, tensors: Mapping[str, Tensor], rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Weight [row, ...] and bias [row] of some output units, in double precision.

        With `s = scale / sqrt(variance + epsilon)` they are `s W` and `s (b - mean) + shift`.
        """
        weight = tensors[self.weight][rows].double()
        bias = (
            weight.new_zeros(len(weight))
            if self.bias is None
            else tensors[self.bias][rows].double()
        )
        if self.norm is None:
            return weight, bias
        scale, shift, mean, variance = (tensors[name][rows].double() for name in self.norm.tensors)
        scale = scale / torch.sqrt(variance + self.norm.epsilon)
        spread = scale.reshape(-1, *(1,) * (weight.ndim - 1))
        return weight * spread, (bias - mean) * scale + shift


@dataclass(frozen=True, eq=False)
class Patch:
    """New weights of some output units of an affine node.

    Attributes:
        rows: the units, [row], ascending.
        weight: theirs, [row, ...].
        bias: theirs, [row].
    """

    rows: Tensor
    weight: Tensor
    bias: Tensor


@dataclass(frozen=True, eq=False)
class Folded:
    """A graph to evaluate mutants in.

    Attributes:
        graph: computes what the source computes, with batch norms folded into the linear ops and
            convolutions before them. Weights in the dtype and on the device of the inputs.
        recipes: of the affine nodes whose weights are tensors, by node.
        sources: the source's tensors, that edits name.
        free: tensors that nodes without a recipe use: they are the source's own.
    """

    graph: Graph
    recipes: Mapping[str, Recipe]
    sources: Mapping[str, Tensor]
    free: frozenset[str]

    @property
    def values_of_one(self) -> int:
        """How many numbers all values of the graph are for one input."""
        shapes = (self.graph.shapes[node.name] for node in self.graph.nodes)
        return sum(math.prod(shape[1:]) for shape in shapes if shape[:1] == (BATCH,))

    def patches(self, mutant: Mutant) -> tuple[dict[str, Patch], dict[str, Tensor]]:
        """What the mutant changes: rows of affine nodes, and tensors of other nodes."""
        touched: dict[str, list[Edit]] = {}
        for edit in mutant.edits:
            touched.setdefault(edit.tensor, []).append(edit)
        tensors = _Edited(self.sources, mutant)
        found: dict[str, Patch] = {}
        for name, recipe in self.recipes.items():
            edits = [edit for one in recipe.tensors for edit in touched.get(one, ())]
            if edits:
                rows = _rows(edits, self.sources)
                found[name] = self._patch(name, recipe, tensors, rows)
        return found, {name: tensors[name] for name in touched if name in self.free}

    def _patch(
        self, name: str, recipe: Recipe, tensors: Mapping[str, Tensor], rows: Integers
    ) -> Patch:
        like = self.graph.tensors[self.graph[name].operands[1]]
        index = torch.from_numpy(rows)
        weight, bias = recipe.rows(tensors, index.to(tensors[recipe.weight].device))
        return Patch(index.to(like.device), weight.to(like), bias.to(like))


class _Edited(dict[str, Tensor]):
    """The source's tensors, edited copies where the mutant changes them."""

    def __init__(self, sources: Mapping[str, Tensor], mutant: Mutant) -> None:
        super().__init__(edited(sources, mutant))
        self.sources = sources

    def __missing__(self, name: str) -> Tensor:
        return self.sources[name]


def _rows(edits: list[Edit], sources: Mapping[str, Tensor]) -> Integers:
    found = [edit.rows(sources[edit.tensor]) for edit in edits]
    return found[0] if len(found) == 1 else np.unique(np.concatenate(found))


def fold(graph: Graph, like: Tensor) -> Folded:
    """The graph with its batch norms folded, in the dtype and on the device of `like`."""
    source = drop_identities(graph).graph
    uses = Counter(operand for node in source.nodes for operand in node.operands)
    uses[source.output] += 1
    by_name = {node.name: node for node in source.nodes}
    into: dict[str, Node] = {}
    for node in source.nodes:
        before = by_name.get(node.operands[0])
        if before is not None and uses[before.name] == 1 and _folds(source, node, before):
            into[before.name] = node
    recipes: dict[str, Recipe] = {}
    nodes: list[Node] = []
    tensors = dict(source.tensors)
    norms = {norm.name: by_name[name] for name, norm in into.items()}
    for node in source.nodes:
        if node.name in into:
            continue
        affine = norms.get(node.name, node)
        if not _affine(source, affine):
            nodes.append(node)
            continue
        norm = node if affine is not node else None
        recipe = _recipe(affine, norm)
        recipes[node.name] = recipe
        weight, bias = recipe.rows(source.tensors, slice(None))
        names = [free_name(f"{node.name}.folded_{kind}", tensors) for kind in ("weight", "bias")]
        tensors.update(zip(names, (weight, bias), strict=True))
        nodes.append(Node(node.name, affine.op, (affine.operands[0], *names), node.module))
    used = {operand for node in nodes for operand in node.operands}
    tensors = {name: _moved(tensor, like) for name, tensor in tensors.items() if name in used}
    folded = replace(
        source,
        nodes=tuple(nodes),
        tensors=tensors,
        parameters=tuple(name for name in source.parameters if name in tensors),
    )
    return Folded(folded, recipes, graph.tensors, frozenset(set(tensors) & set(graph.tensors)))


def _affine(graph: Graph, node: Node) -> bool:
    """Whether a node is a linear op or convolution of a value, with tensors for weights."""
    return (
        isinstance(node.op, ops.Linear | ops.Conv)
        and node.operands[0] not in graph.tensors
        and all(name in graph.tensors for name in node.operands[1:])
    )


def _folds(graph: Graph, norm: Node, before: Node) -> bool:
    # A linear op's units are its last axis, a batch norm's channels are axis 1.
    axis = 1 if isinstance(before.op, ops.Conv) else len(graph.shapes[before.name]) - 1
    return (
        isinstance(norm.op, ops.BatchNorm)
        and _affine(graph, before)
        and axis == 1
        and all(name in graph.tensors for name in norm.operands[1:])
    )


def _recipe(affine: Node, norm: Node | None) -> Recipe:
    weight, *bias = affine.operands[1:]
    if norm is None:
        return Recipe(weight, bias[0] if bias else None, None)
    assert isinstance(norm.op, ops.BatchNorm)  # noqa: S101 - as found by fold
    scale, shift, mean, variance = norm.operands[1:]
    found = Norm(scale, shift, mean, variance, norm.op.epsilon)
    return Recipe(weight, bias[0] if bias else None, found)


def _moved(tensor: Tensor, like: Tensor) -> Tensor:
    """The tensor where and as inputs are; weights of 2-D convolutions with channels innermost."""
    if not tensor.is_floating_point():
        return tensor.to(like.device)
    moved = tensor.detach().to(device=like.device, dtype=like.dtype)
    return moved.contiguous(memory_format=torch.channels_last) if moved.ndim == 4 else moved
