"""Where a piecewise-linear network bends along the straight path from baseline to input.

Values of all nodes are held at a sorted set of places of the path and are linear between any two
neighbours. Layer by layer, the places are added at which a unit of that layer bends: the zero of a
difference (a pre-activation, two entries of a pooling window) between two places of unlike sign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor

from affidavit.attribution.feature_maps.flow import dependents, is_affine
from affidavit.errors import EngineError, UnsupportedOpsError
from affidavit.graph import Graph, Node, ops
from affidavit.graph.interpreter import RULES, evaluate

Hinge = Callable[..., Tensor]
"""From an op's operands to the differences at whose zeros it bends."""

# Zeros nearer to each other, or to a place, than this share of the way between two places are one.
_SAME = 1e-12
# Numbers that one value may take at all places of a segment at once.
_SEGMENT = 2**22
# Segments are not cut further: so many units bend at one point of the path.
_SHORTEST = 1e-9


def _zero(op: Any) -> list[Hinge]:
    return [lambda x, *slope: x]


def _pooled(op: ops.MaxPool) -> list[Hinge]:
    """The largest entry so far of each window against the next."""

    def against(number: int) -> Hinge:
        def difference(x: Tensor) -> Tensor:
            slots = _windows(op, x)
            # Padding (-inf) never wins, and no difference with it has a zero.
            return torch.nan_to_num(slots[number] - slots[:number].amax(0))

        return difference

    return [against(number) for number in range(1, prod(op.kernel))]


HINGES: Mapping[type[ops.Op], Callable[[Any], list[Hinge]]] = {
    ops.Relu: _zero,
    ops.LeakyRelu: _zero,
    ops.PRelu: _zero,
    ops.Abs: _zero,
    ops.Clip: lambda op: [lambda x: x - op.lower, lambda x: x - op.upper],
    ops.Maximum: lambda op: [lambda a, b: a - b],
    ops.Minimum: lambda op: [lambda a, b: a - b],
    ops.MaxPool: _pooled,
}
"""At which zeros each op bends. Those of a later difference are sought once those of the earlier
ones are among the places."""


def _windows(op: ops.MaxPool, x: Tensor) -> Tensor:
    """The entries of every window, [slot, batch, channel, ...], -inf where there is padding."""
    rows = RULES[ops.MaxPool](op, x[:1].to("meta")).shape[2:]
    reach = [
        (size - 1) * stride + (kernel - 1) * dilation + 1
        for size, stride, kernel, dilation in zip(
            rows, op.stride, op.kernel, op.dilation, strict=True
        )
    ]
    # A window that ceil_mode adds may reach beyond the padding.
    pads = [
        (before, max(0, need - before - size))
        for before, need, size in zip(op.padding, reach, x.shape[2:], strict=True)
    ]
    flat = [width for pair in reversed(pads) for width in pair]
    padded = torch.nn.functional.pad(x, flat, value=float("-inf"))
    found = []
    for slot in range(prod(op.kernel)):
        index: list[Any] = []
        for axis in reversed(range(len(op.kernel))):
            slot, offset = divmod(slot, op.kernel[axis])
            first = offset * op.dilation[axis]
            last = first + (rows[axis] - 1) * op.stride[axis] + 1
            index.insert(0, slice(first, last, op.stride[axis]))
        found.append(padded[(slice(None), slice(None), *index)])
    return torch.stack(found)


def require_piecewise_linear(graph: Graph) -> None:
    """Raises UnsupportedOpsError, with all at fault, for steps that are not piecewise linear."""
    faults = _not_piecewise_linear(graph)
    if faults:
        raise UnsupportedOpsError(
            "Exact conductance needs a piecewise-linear network, but (method='riemann' takes any):",
            faults,
        )


def is_piecewise_linear(graph: Graph) -> bool:
    """Whether every step is piecewise linear in the input."""
    return not _not_piecewise_linear(graph)


def _not_piecewise_linear(graph: Graph) -> list[tuple[str, str]]:
    moving = dependents(graph, graph.input)
    return [
        (type(node.op).__name__, node.module or node.name)
        for node in graph.nodes
        if node.name in moving and type(node.op) not in HINGES
        if not is_affine(node, moving, moving)
    ]


def units(graph: Graph) -> int:
    """How many numbers can change sign for one input: what bounds the work, if loosely."""
    return sum(
        prod(graph.shapes[node.name][1:]) * len(HINGES[type(node.op)](node.op))
        for node in graph.nodes
        if type(node.op) in HINGES
    )


def breakpoints(
    graph: Graph, start: Tensor, end: Tensor, after: Iterable[str], budget: int
) -> Tensor:
    """Where units after a layer bend on the way from `start` to `end`, as shares of it.

    Args:
        graph: piecewise linear, in double precision.
        start, end: one input each, without the batch, in double precision.
        after: the nodes whose bends are wanted; those of others only serve to find these.
        budget: most places in all, the others' included, that are gone through.

    Returns:
        Sorted, each once, strictly between 0 and 1.

    Raises EngineError, which names the budget, where there are more places than that.
    """
    wanted, widest = frozenset(after), max(prod(shape[1:]) for shape in graph.shapes.values())
    most = max(16, _SEGMENT // widest)
    left, found, done = [(0.0, 1.0)], [], 0
    while left:
        low, high = left.pop()
        line = Line(graph, start, end, wanted, low, high)
        # A segment has to be gone through as a whole, and its values fit into memory: if too many
        # places turn up, each half is gone through on its own.
        whole = line.run(most if high - low > _SHORTEST else None)
        if done + len(line.places) - 2 > budget:
            raise EngineError(
                f"the network bends at more than {budget} places between baseline and input, the"
                f" budget of method='exact'; give more (budget={10 * budget}) or method='riemann'"
            )
        if whole:
            found.append(line.places[line.wanted])
            done += len(line.places) - 2
            if high < 1:
                # A bend at the very end of a segment is inside of neither.
                found.append(line.places[-1:])
        else:
            middle = (low + high) / 2
            left += [(middle, high), (low, middle)]
    return torch.cat(found)


class Line:
    """Values of a graph at places of a segment of the path, linear between neighbours.

    Args:
        graph, start, end, after: see :func:`breakpoints`.
        low, high: the ends of the segment.

    Attributes:
        places: sorted shares of the way, [place]; the first and last are the segment's ends.
        wanted: which of them are bends of the nodes in `after`, [place].
    """

    def __init__(
        self,
        graph: Graph,
        start: Tensor,
        end: Tensor,
        after: frozenset[str],
        low: float,
        high: float,
    ) -> None:
        self._graph, self._after = graph, after
        self._moving = dependents(graph, graph.input)
        self.places = torch.tensor([low, high], dtype=torch.float64, device=start.device)
        self.wanted = torch.zeros(2, dtype=torch.bool, device=start.device)
        self._values = dict(graph.tensors)
        self._values[graph.input] = torch.stack([start + at * (end - start) for at in (low, high)])

    def run(self, most: int | None) -> bool:
        """Goes through the graph; False as soon as there are more than `most` places."""
        for node, dead in zip(self._graph.nodes, _last_uses(self._graph), strict=True):
            for hinge in self._hinges(node):
                self._split(self._at(node, hinge))
                if most is not None and len(self.places) > most:
                    return False
                if node.name in self._after:
                    self._mark(self._at(node, hinge))
            self._values[node.name] = self._at(node, partial(evaluate, node.op))
            for name in dead:
                del self._values[name]
        return True

    def _hinges(self, node: Node) -> list[Hinge]:
        bends = node.name in self._moving and type(node.op) in HINGES
        return HINGES[type(node.op)](node.op) if bends else []

    def _at(self, node: Node, function: Callable[..., Tensor]) -> Tensor:
        return function(*[self._values[name] for name in node.operands])

    def _split(self, difference: Tensor) -> None:
        """Adds the zeros of a value [place, ...] that is linear between neighbours."""
        flat = difference.flatten(1)
        low, high = flat[:-1], flat[1:]
        crossing = low.sign() * high.sign() < 0
        interval = crossing.nonzero()[:, 0]
        share = low[crossing] / (low[crossing] - high[crossing])
        by_share = torch.argsort(share)
        order = by_share[torch.argsort(interval[by_share], stable=True)]
        interval, share = interval[order], share[order]
        new = (share > _SAME) & (share < 1 - _SAME)
        new[1:] &= (interval[1:] != interval[:-1]) | (share[1:] - share[:-1] > _SAME)
        if bool(new.any()):
            self._insert(interval[new], share[new])

    def _insert(self, interval: Tensor, share: Tensor) -> None:
        old = torch.arange(len(self.places), device=share.device)
        old = old + torch.searchsorted(interval, old)
        added = interval + 1 + torch.arange(len(interval), device=share.device)

        def merged(value: Tensor, between: Tensor) -> Tensor:
            found = value.new_empty((len(old) + len(added), *value.shape[1:]))
            found[old], found[added] = value, between
            return found

        def filled(value: Tensor) -> Tensor:
            weight = share.reshape(-1, *(1,) * (value.ndim - 1))
            return merged(value, torch.lerp(value[interval], value[interval + 1], weight))

        for name in self._moving & self._values.keys():
            self._values[name] = filled(self._values[name])
        self.places = filled(self.places)
        self.wanted = merged(self.wanted, torch.zeros_like(added, dtype=torch.bool))

    def _mark(self, difference: Tensor) -> None:
        """Marks the places on whose two sides a value has different signs.

        Not only new ones: a unit can bend where an earlier one does, and because of it.
        """
        flat = difference.flatten(1)
        signs = (flat[:-1] + flat[1:]).sign()
        self.wanted[1:-1] |= (signs[1:] != signs[:-1]).any(1)


def _last_uses(graph: Graph) -> list[list[str]]:
    """With each node, the values that no later node needs."""
    found: list[list[str]] = []
    later = {graph.output, *graph.tensors}
    for node in reversed(graph.nodes):
        found.append([name for name in dict.fromkeys(node.operands) if name not in later])
        later.update(node.operands)
    return found[::-1]
