"""Gates tied to the values they are the derivatives at.

A ReLU's derivative s is 1 only where its operand z lies in (0, u], and 0 only where it lies in
[l, 0]. So `c s >= c z / u` for c >= 0, where bounds of s alone give 0, and `c s >= c + c z / −l`
for c < 0, where they give c. One such line is no gain; but z is bounded by lines in the input, and
of many gates that depend on the same input not all can be at their worst at once. Lines of a gate
that is mostly open (or mostly shut) at the box's centre are summed, and the sum is taken where it
gains.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from affidavit.certify.crown import values
from affidavit.certify.crown.choices import Choices
from affidavit.certify.crown.relaxed import Relaxed
from affidavit.certify.crown.rounding import magnitude
from affidavit.certify.crown.tie import Tie
from affidavit.graph import Node, ops

MOST = 256
"""Open units of a layer up to which its gates are tied."""

_SHORT = 1 - 1e-14  # so that a rounded coefficient is never too large


def tied(net: Relaxed) -> dict[str, Tie]:
    """Ties of all layers with few open units, by the node's name."""
    found = {}
    for node in net.nodes:
        if isinstance(node.op, ops.Relu):
            tie = _tie(net, node)
            if tie is not None:
                found[node.name] = tie
    return found


def _tie(net: Relaxed, node: Node) -> Tie | None:
    name = node.operands[0]
    z = net.bounds[name]
    lower, upper = z.lower.flatten(1), z.upper.flatten(1)
    opened = (lower < 0) & (upper > 0)
    most = int(opened.sum(1).max()) if opened.numel() else 0
    if not 0 < most <= MOST or name == net.source:
        return None
    index = opened.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :most]
    weighs = opened.gather(1, index)
    one = lower.new_zeros((*index.shape, lower.shape[1])).scatter_(2, index.unsqueeze(2), 1.0)
    one = one.reshape(*index.shape, *z.lower.shape[1:])
    lines, constant = values.lines(net, {name: torch.cat([one, -one], 1)}, Choices())
    if set(lines) - {net.source}:
        return None  # something on the way was bounded rather than carried back
    flat = lines[net.source].flatten(2)
    box = net.bounds[net.source]
    center = (box.lower / 2 + box.upper / 2).flatten(1).unsqueeze(-1)
    at_center = (flat @ center).squeeze(-1) + constant
    below, above = flat[:, :most], -flat[:, most:]
    floor, ceiling = constant[:, :most], -constant[:, most:]
    safe = torch.where(weighs, lower.gather(1, index), -torch.ones_like(floor))
    top = torch.where(weighs, upper.gather(1, index), torch.ones_like(floor))
    opening = torch.where(weighs & (at_center[:, :most] > 0), _SHORT / top, torch.zeros_like(top))
    closing = torch.where(weighs & (at_center[:, most:] > 0), -_SHORT / safe, torch.zeros_like(top))
    return Tie(index, below, floor, above, ceiling, opening.unsqueeze(1), closing.unsqueeze(1))


def gain(net: Relaxed, parts: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """What ties add to the bounds, [batch, row]: their sum where that is positive, else nothing."""
    a, constant = parts[0]
    for more, rest in parts[1:]:
        a, constant = a + more, constant + rest
    box = net.bounds[net.source]
    r = net.rounding
    if len(parts) > 1:
        constant = constant + r.charge(a, magnitude(box).flatten(1) * (2 * len(parts) * r.eps))
    least = net.least(a.reshape(*a.shape[:2], *box.lower.shape[1:]), box)
    slack = (constant.abs() + least.abs()) * r.gamma(len(parts))
    return (constant + least - slack).clamp(min=0)
