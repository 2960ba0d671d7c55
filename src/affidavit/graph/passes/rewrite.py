"""A draft of a graph that a pass may change, until it becomes a view."""

from __future__ import annotations

import dataclasses
from collections import Counter

import torch
from torch import Tensor

from affidavit.graph.graph import Graph, Node
from affidavit.graph.names import free_name
from affidavit.graph.ops import Op
from affidavit.graph.passes.view import View


class Rewrite:
    """The nodes and tensors of a graph under change.

    Names keep their meaning throughout: a node may get another op and other operands, but its
    value stays what it was.
    """

    def __init__(self, source: Graph) -> None:
        self.source = source
        self.nodes = {node.name: node for node in source.nodes}
        self.tensors = dict(source.tensors)
        self.parameters = set(source.parameters)
        self.same_as: dict[str, str] = {}
        self.merged_into: dict[str, str] = {}
        self._users = Counter(name for node in source.nodes for name in node.operands)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a value of the source, the batch being -1."""
        return self.source.shapes[name]

    def sole_producer(self, name: str) -> Node | None:
        """The node that gives a value, if only one operand refers to it: it may be merged away."""
        node = self.nodes.get(name)
        return node if node is not None and self.only_user(name) else None

    def only_user(self, name: str) -> bool:
        """Whether exactly one operand refers to the value and it is not the output."""
        return self._users[name] == 1 and name != self.output

    @property
    def output(self) -> str:
        """Name of the node that has the output's value by now."""
        return self.same_as.get(self.source.output, self.source.output)

    def constant(self, name: str) -> Tensor | None:
        """A tensor that does not change, in double precision; None when it is a node's value."""
        tensor = self.tensors.get(name)
        return None if tensor is None else tensor.to(torch.float64)

    def add_tensor(self, name: str, value: Tensor) -> str:
        """Adds a constant under a name that nothing has yet."""
        taken = free_name(name, self.tensors, self.nodes, self.source.shapes)
        self.tensors[taken] = value
        return taken

    def add_node_before(self, node: Node, name: str, op: Op, x: str, constant: Tensor) -> str:
        """Adds a node, of the shape of x, that applies an op to x and a constant."""
        tensor = self.add_tensor(f"{name}.constant", constant)
        taken = free_name(name, self.tensors, self.nodes, self.source.shapes)
        self._users.update((x, tensor))
        nodes = list(self.nodes.items())
        place = list(self.nodes).index(node.name)
        nodes.insert(place, (taken, Node(taken, op, (x, tensor), node.module)))
        self.nodes = dict(nodes)
        return taken

    def replace(self, node: Node, op: Op, operands: tuple[str, ...]) -> None:
        """Gives a node another op and operands, its value being the same."""
        self.nodes[node.name] = Node(node.name, op, operands, node.module)
        self._users.update(operands)
        self._release(node.operands, node.name)

    def merge(self, name: str, into: str) -> None:
        """Removes a node whose value only `into` used, and uses no more."""
        self._release(self.nodes.pop(name).operands, into)
        self._lose(name, into)

    def fold(self, node: Node, value: Tensor) -> None:
        """Makes a node a tensor: the value keeps its name."""
        self._release(self.nodes.pop(node.name).operands, node.name)
        self.tensors[node.name] = value

    def forward(self, name: str, to: str) -> None:
        """Removes a node whose value is that of `to`; its users take that instead."""
        self._release(self.nodes.pop(name).operands, to)
        for node in list(self.nodes.values()):
            if name in node.operands:
                self.replace(node, node.op, tuple(to if o == name else o for o in node.operands))
        self.same_as[name] = to
        for found in (self.same_as, self.merged_into):
            found.update({earlier: to for earlier, place in found.items() if place == name})

    def _release(self, operands: tuple[str, ...], into: str) -> None:
        """Takes back a node's use of its operands; tensors without any other went into `into`."""
        self._users.subtract(operands)
        for name in operands:
            if name in self.tensors and not self._users[name]:
                self._lose(name, into)

    def _lose(self, name: str, into: str) -> None:
        """Notes that a value, and all that had it too or went into it, is no longer computed."""
        lost = [other for other, place in self.same_as.items() if place == name]
        lost += [other for other, place in self.merged_into.items() if place == name]
        for other in (name, *lost):
            self.same_as.pop(other, None)
            if other in self.source.shapes:
                self.merged_into[other] = into

    def view(self) -> View:
        """The finished view. Nodes and tensors that the output no longer needs are left out."""
        output = self.output
        needed = {output, self.source.input}
        for node in reversed(self.nodes.values()):
            if node.name in needed:
                needed.update(node.operands)
        for name in (*self.nodes, *self.tensors):
            if name not in needed and name not in self.merged_into:
                self._lose(name, output)  # nobody needs it any more
        graph = dataclasses.replace(
            self.source,
            nodes=tuple(node for node in self.nodes.values() if node.name in needed),
            output=output,
            tensors={name: tensor for name, tensor in self.tensors.items() if name in needed},
            parameters=tuple(name for name in self.source.parameters if name in needed),
        )
        return View(self.source, graph, self.same_as, self.merged_into)
