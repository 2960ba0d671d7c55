"""Values of a mutant, kept as the channels in which they differ from the model's.

A mutant of few filters changes few channels of one layer. As long as the ops after it treat
channels apart, only these are computed; the next convolution gets `conv(Δx)` of these channels
added to what the model has there, and from then on all channels differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from affidavit.graph import Node, ops
from affidavit.graph.interpreter import OVERWRITING, conv_function, evaluate, pad_pairs
from affidavit.mutation.folded import Patch


@dataclass(frozen=True, eq=False)
class Channels:
    """A value that differs from the model's in some entries of axis 1.

    Attributes:
        index: these entries, [channel], ascending.
        values: what is there instead, [batch, channel, ...].
    """

    index: Tensor
    values: Tensor


Changed: TypeAlias = Channels | Tensor
"""A value of a mutant: the channels that differ, or all of it."""


@dataclass(frozen=True, eq=False)
class Values:
    """What a node of a mutant may use.

    Attributes:
        base: the model's values and tensors by name.
        changed: the mutant's values that differ, so far.
        tensors: the mutant's tensors that differ.
        patches: new weights of affine nodes.
    """

    base: Mapping[str, Tensor]
    changed: dict[str, Changed]
    tensors: Mapping[str, Tensor]
    patches: Mapping[str, Patch]

    def whole(self, name: str) -> Tensor:
        """A value or tensor of the mutant, all of it."""
        found = self.changed.get(name)
        if found is None:
            return self.tensors.get(name, self.base[name])
        if isinstance(found, Tensor):
            return found
        return self.base[name].index_copy(1, found.index, found.values)

    def dirty(self, node: Node) -> bool:
        """Whether the node's value may differ from the model's."""
        return node.name in self.patches or any(
            name in self.changed or name in self.tensors for name in node.operands
        )


Rule: TypeAlias = Callable[[Node, Values], Changed | None]
"""From a node of which something changed to its value, or None where only all of it will do."""


def changed_value(node: Node, values: Values, spare: str | None) -> Changed:
    """The value of a node of which something changed.

    `spare` is an operand that nobody needs afterwards: its memory may be taken over, as large
    values cost more to allocate than to compute.
    """
    patch = values.patches.get(node.name)
    if not any(name in values.tensors for name in node.operands):
        rule = _RULES.get(type(node.op))
        found = rule(node, values) if rule else None
        if found is not None:
            return found
    operands = [values.whole(name) for name in node.operands]
    if patch is not None:
        operands[1] = operands[1].index_copy(0, patch.rows, patch.weight)
        operands[2] = operands[2].index_copy(0, patch.rows, patch.bias)
    if spare is not None and isinstance(values.changed.get(spare), Tensor):
        return _taking_over(node, operands, node.operands.index(spare))
    return evaluate(node.op, *operands)


def _taking_over(node: Node, operands: list[Tensor], place: int) -> Tensor:
    """The value, where possible in the memory of one of the operands."""
    rule = OVERWRITING.get(type(node.op))
    if rule is not None and place == 0:
        return rule(node.op, operands[0])
    if isinstance(node.op, ops.Add) and operands[0].shape == operands[1].shape:
        return operands[place].add_(operands[1 - place])
    return evaluate(node.op, *operands)


def _few(count: int, of: int) -> bool:
    """Whether a part is worth computing alone."""
    return 2 * count <= of


def _conv(node: Node, values: Values) -> Changed | None:
    op = node.op
    assert isinstance(op, ops.Conv)  # noqa: S101 - by the table
    if not _own_weights(node, values):
        return None
    x, weight, _ = node.operands
    given, patch = values.changed.get(x), values.patches.get(node.name)
    weights = values.base[weight]
    if given is None and patch is not None and _few(len(patch.rows), len(weights)):
        return Channels(patch.rows, _rows_of(op, values.base[x], patch, weights))
    if not isinstance(given, Channels) or patch is not None:
        return None
    if op.groups > 1:
        return _groups_of(op, values, node, given)
    if not _few(len(given.index), weights.shape[1]):
        return None
    delta = given.values - values.base[x].index_select(1, given.index)
    kernel = weights.index_select(1, given.index)
    return convolved(op, delta, kernel, None, 1).add_(values.base[node.name])


def _rows_of(op: ops.Conv, x: Tensor, patch: Patch, weights: Tensor) -> Tensor:
    """Some output channels of a convolution."""
    if op.groups == 1:
        return convolved(op, x, patch.weight, patch.bias, 1)
    inputs, per_group = weights.shape[1], len(weights) // op.groups
    # As many groups as rows, each with the channels that its row sees.
    first = (patch.rows // per_group * inputs)[:, None]
    seen = (first + torch.arange(inputs, device=first.device)).flatten()
    return convolved(op, x.index_select(1, seen), patch.weight, patch.bias, len(patch.rows))


def _groups_of(op: ops.Conv, values: Values, node: Node, given: Channels) -> Channels | None:
    """The output channels of the groups that see changed channels."""
    x, weight, bias = node.operands
    weights = values.base[weight]
    inputs, per_group = weights.shape[1], len(weights) // op.groups
    groups = torch.unique(given.index // inputs)
    if not _few(len(groups), op.groups):
        return None
    seen = _members(groups, inputs)
    rows = _members(groups, per_group)
    place = torch.searchsorted(seen, given.index)
    part = values.base[x].index_select(1, seen).index_copy_(1, place, given.values)
    found = convolved(op, part, weights.index_select(0, rows), values.base[bias][rows], len(groups))
    return Channels(rows, found)


def _members(groups: Tensor, size: int) -> Tensor:
    return (groups[:, None] * size + torch.arange(size, device=groups.device)).flatten()


def convolved(op: ops.Conv, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """The convolution that the op does, with other weights and groups."""
    padding = tuple(before for before, _ in op.padding)
    if any(before != after for before, after in op.padding):
        x, padding = F.pad(x, pad_pairs(op.padding)), (0,) * len(op.padding)
    return conv_function(len(op.stride))(x, weight, bias, op.stride, padding, op.dilation, groups)


def _own_weights(node: Node, values: Values) -> bool:
    """Whether weight and bias are both there, and as the model has them but for a patch.

    Weights that the model computes can lack a bias, or be changed themselves.
    """
    return len(node.operands) == 3 and values.changed.keys().isdisjoint(node.operands[1:])


def _linear(node: Node, values: Values) -> Changed | None:
    if not _own_weights(node, values):
        return None
    x, weight, _ = node.operands
    given, patch = values.changed.get(x), values.patches.get(node.name)
    weights, before = values.base[weight], values.base[x]
    if before.ndim != 2:
        return None
    if given is None and patch is not None and _few(len(patch.rows), len(weights)):
        return Channels(patch.rows, F.linear(before, patch.weight, patch.bias))
    few = isinstance(given, Channels) and _few(len(given.index), weights.shape[1])
    if not isinstance(given, Channels) or patch is not None or not few:
        return None
    delta = given.values - before.index_select(1, given.index)
    kernel = weights.index_select(1, given.index)
    return torch.addmm(values.base[node.name], delta, kernel.T)


def _by_channel(node: Node, values: Values) -> Changed | None:
    given = values.changed[node.operands[0]]
    if isinstance(given, Tensor):
        return None
    return Channels(given.index, evaluate(node.op, given.values))


def _mean(node: Node, values: Values) -> Changed | None:
    assert isinstance(node.op, ops.Mean)  # noqa: S101 - by the table
    return _by_channel(node, values) if min(node.op.axes) > 1 else None


def _two(node: Node, values: Values) -> Changed | None:
    """Sums and products of two values, of which one or both changed in some channels."""
    shape = values.base[node.name].shape
    pair = [values.changed.get(name) for name in node.operands]
    if any(isinstance(given, Tensor) for given in pair) or len(shape) < 2:
        return None
    indices = [given.index for given in pair if isinstance(given, Channels)]
    index = indices[0] if len(indices) == 1 else torch.unique(torch.cat(indices))
    if not _few(len(index), shape[1]):
        return None
    parts = []
    for name, given in zip(node.operands, pair, strict=True):
        base = values.base[name]
        if isinstance(given, Channels) and base.shape != shape:
            return None  # a value of one channel, say, that is spread over several
        if isinstance(given, Channels) and len(given.index) == len(index):
            parts.append(given.values)
            continue
        # A constant may have fewer axes, or a single entry where the value has channels.
        axis = base.ndim - len(shape) + 1
        part = base if axis < 0 or base.shape[axis] == 1 else base.index_select(axis, index)
        if isinstance(given, Channels):
            part = part.index_copy(1, torch.searchsorted(index, given.index), given.values)
        parts.append(part)
    return Channels(index, evaluate(node.op, *parts))


def _concat(node: Node, values: Values) -> Changed | None:
    assert isinstance(node.op, ops.Concat)  # noqa: S101 - by the table
    if node.op.axis != 1:
        return None
    indices, parts, start = [], [], 0
    for name in node.operands:
        given = values.changed.get(name)
        if isinstance(given, Tensor):
            return None
        if given is not None:
            indices.append(given.index + start)
            parts.append(given.values)
        start += values.base[name].shape[1]
    return Channels(torch.cat(indices), torch.cat(parts, 1))


def _slice(node: Node, values: Values) -> Changed | None:
    op, given = node.op, values.changed[node.operands[0]]
    assert isinstance(op, ops.Slice)  # noqa: S101 - by the table
    if op.axis != 1 or isinstance(given, Tensor):
        return _by_channel(node, values)
    offset = given.index - op.start
    kept = (offset >= 0) & (given.index < op.stop) & (offset % op.step == 0)
    return Channels(offset[kept] // op.step, given.values[:, kept])


def _pad(node: Node, values: Values) -> Changed | None:
    op, given = node.op, values.changed[node.operands[0]]
    assert isinstance(op, ops.Pad)  # noqa: S101 - by the table
    if isinstance(given, Tensor) or op.padding[1] == (0, 0):
        return _by_channel(node, values)
    if min(op.padding[1]) < 0:
        return None
    within = ops.Pad(((0, 0), (0, 0), *op.padding[2:]), op.value)
    return Channels(given.index + op.padding[1][0], evaluate(within, given.values))


def _reshape(node: Node, values: Values) -> Changed | None:
    given = values.changed[node.operands[0]]
    before, after = values.base[node.operands[0]].shape, values.base[node.name].shape
    if isinstance(given, Tensor):
        return None
    if before[:2] == after[:2]:
        return Channels(given.index, given.values.reshape(*given.values.shape[:2], *after[2:]))
    if len(after) == 2:  # flattened: a channel's entries lie together
        size = before[2:].numel()
        return Channels(_members(given.index, size), given.values.flatten(1))
    return None


_RULES: dict[type[ops.Op], Rule] = {
    ops.Conv: _conv,
    ops.Linear: _linear,
    ops.Mean: _mean,
    ops.Concat: _concat,
    ops.Slice: _slice,
    ops.Pad: _pad,
    ops.Reshape: _reshape,
    **dict.fromkeys((ops.Add, ops.Sub, ops.Mul, ops.Div, ops.Maximum, ops.Minimum), _two),
    **dict.fromkeys((ops.Relu, ops.Clip, ops.LeakyRelu, ops.Abs, ops.Sigmoid), _by_channel),
    **dict.fromkeys((ops.Tanh, ops.Softplus, ops.Elu, ops.Gelu, ops.Silu), _by_channel),
    **dict.fromkeys((ops.AveragePool, ops.AdaptiveAveragePool, ops.MaxPool), _by_channel),
}
"""Ops that can be told by channels. Of all others the whole value is computed."""
