"""Gates tied to the values they are the derivatives at.

A ReLU's derivative s is 1 only where its operand z lies in (0, u], and 0 only where it lies in
[l, 0]. So `c s >= c z / u` for c >= 0, where bounds of s alone give 0, and `c s >= c + c z / −l`
for c < 0, where they give c. One such line is no gain; but z is bounded by lines in the input, and
of many gates that depend on the same input not all can be at their worst at once. Lines of a gate
that is mostly open (or mostly shut) at the box's centre are summed, and the sum is taken where it
gains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from affidavit.certify.crown import values
from affidavit.certify.crown.choices import Choices
from affidavit.certify.crown.relaxed import Relaxed
from affidavit.certify.crown.rounding import magnitude
from affidavit.certify.crown.tie import Tie
from affidavit.graph import Node, ops

MOST = 2048
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
    # A sum over all units' lines is rounded: so much of the largest |line · x|.
    gamma = net.rounding.gamma(sum(tie.index.shape[1] for tie in found.values()))
    size = magnitude(net.bounds[net.source]).flatten(1).unsqueeze(-1)
    for name, tie in found.items():
        slack = (tie.line.abs() @ size).squeeze(-1) * gamma
        found[name] = replace(tie, floor=tie.floor - slack, ceiling=tie.ceiling + slack)
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
    low, high = lower.gather(1, index), upper.gather(1, index)
    weighs = opened.gather(1, index)
    mostly = torch.where(low + high > 0, 1.0, -1.0).to(low)  # open, or shut
    one = lower.new_zeros((*index.shape, lower.shape[1]))
    one = one.scatter_(2, index.unsqueeze(2), mostly.unsqueeze(2))
    one = one.reshape(*index.shape, *z.lower.shape[1:])
    lines, constant = values.lines(net, {name: one}, Choices())
    if set(lines) != {net.source}:
        return None  # something on the way was bounded rather than carried back
    # A line below z where it is mostly open, and below −z, which is one above z, where not.
    line = lines[net.source].flatten(2)
    box = net.bounds[net.source]
    center = (box.lower / 2 + box.upper / 2).flatten(1).unsqueeze(-1)
    gains = weighs & ((line @ center).squeeze(-1) + constant > 0)
    nothing = torch.zeros_like(low)
    opening = torch.where(gains & (mostly > 0), _SHORT / high.where(weighs, nothing + 1), nothing)
    closing = torch.where(gains & (mostly < 0), _SHORT / (-low).where(weighs, nothing + 1), nothing)
    return Tie(
        index,
        line * mostly.unsqueeze(2),
        constant * mostly,
        constant * mostly,
        opening.unsqueeze(1),
        closing.unsqueeze(1),
    )


def gain(net: Relaxed, parts: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
    """What ties add to the bounds, [batch, row]: their sum where that is positive, else nothing.

    `parts` are coefficients of the units' lines and constants, by the gate's name.
    """
    coefficients = torch.cat([part for part, _ in parts.values()], 2)
    lines = torch.cat([net.ties[name].line for name in parts], 1)
    constants = torch.stack([constant for _, constant in parts.values()])
    box, r = net.bounds[net.source], net.rounding
    a = coefficients @ lines
    least = net.least(a.reshape(*a.shape[:2], *box.lower.shape[1:]), box)
    slack = (constants.abs().sum(0) + least.abs()) * r.gamma(len(parts))
    return (constants.sum(0) + least - slack).clamp(min=0)
