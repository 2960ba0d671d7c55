"""Mutants of a graph, evaluated on a few inputs at a time by what they change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from affidavit.graph import Node
from affidavit.graph.interpreter import FRESH
from affidavit.mutation.edits import Mutant
from affidavit.mutation.folded import Folded
from affidavit.mutation.partial import Values, changed_value


@dataclass(frozen=True, eq=False)
class Block:
    """A few inputs and all values that the model has at them.

    Mutants share these: a layer before the first that a mutant changes is evaluated once for all
    mutants. They are kept while the mutants are evaluated, in memory that does not grow with the
    number of mutants.
    """

    folded: Folded
    base: dict[str, Tensor]

    @property
    def scores(self) -> Tensor:
        """The model's own, [batch, ...]."""
        return self.base[self.folded.graph.output]

    def scores_of(self, mutant: Mutant) -> Tensor:
        """The mutant's scores, [batch, ...]."""
        patches, tensors = self.folded.patches(mutant)
        found = Values(self.base, {}, tensors, patches)
        for node, spare, dead in self._plan:
            if not found.dirty(node):
                continue
            value = changed_value(node, found, spare)
            # A slice may leave out all channels that changed.
            if isinstance(value, Tensor) or len(value.index):
                found.changed[node.name] = value
            for name in dead:
                found.changed.pop(name, None)
        return found.whole(self.folded.graph.output)

    def rows(self, kept: Tensor) -> Block:
        """The block of some of the inputs, by a mask or by number."""
        batched = self.folded.graph.shapes
        base = {
            name: value[kept] if batched[name][:1] == (-1,) else value
            for name, value in self.base.items()
        }
        block = Block(self.folded, base)
        block.__dict__["_plan"] = self._plan
        return block

    @cached_property
    def _plan(self) -> list[tuple[Node, str | None, tuple[str, ...]]]:
        """Nodes, the operand whose memory each may take over, and what nobody needs after it."""
        graph = self.folded.graph
        uses: dict[str, int] = {}
        for node in graph.nodes:
            for name in node.operands:
                uses[name] = uses.get(name, 0) + 1
        # New values that only one node uses: nobody sees them change.
        spare = {
            node.name
            for node in graph.nodes
            if isinstance(node.op, FRESH) and uses.get(node.name) == 1 and node.name != graph.output
        }
        later = {graph.output}
        plan = []
        for node in reversed(graph.nodes):
            dead = tuple(set(node.operands) - later - set(graph.tensors))
            later |= set(node.operands)
            taken = next((name for name in node.operands if name in spare), None)
            plan.append((node, taken, dead))
        return plan[::-1]


def block(folded: Folded, inputs: Tensor) -> Block:
    """The model's values at some inputs, [batch, ...]."""
    graph = folded.graph
    if inputs.ndim == 4:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        base = graph.values(inputs, [node.name for node in graph.nodes])
    return Block(folded, {**graph.tensors, graph.input: inputs, **base})
