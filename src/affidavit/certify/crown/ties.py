"""Gates tied to the values they are the derivatives at.

A ReLU's derivative s is 1 only where its operand z lies in (0, u], and 0 only where it lies in
[l, 0]. So `c s >= c z / u` for c >= 0, where bounds of s alone give 0, and `c s >= c + c z / −l`
for c < 0, where they give c. One such line is no gain; but z is bounded by lines in the input, and
of many gates that depend on the same input not all can be at their worst at once. Lines of a gate
that is mostly open (or mostly shut) at the box's centre are summed, and the sum is taken where it
gains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from affidavit.certify.crown import values
from affidavit.certify.crown.choices import Choices
from affidavit.certify.crown.receptive import Windowed, windowed
from affidavit.certify.crown.relaxed import Relaxed
from affidavit.certify.crown.rounding import Rounding
from affidavit.certify.crown.tie import Tie
from affidavit.certify.target import by_class
from affidavit.graph import Node, ops

MOST = 2048
"""Open units of a layer up to which its gates are tied."""

TOGETHER = 128
"""Units whose lines are made at once."""

_SHORT = 1 - 1e-6  # so that a coefficient in single precision is never too large


@torch.no_grad()
def tied(net: Relaxed) -> dict[str, Tie]:
    """Ties of all layers with few open units, by the node's name."""
    found = {}
    for node in net.nodes:
        if isinstance(node.op, ops.Relu):
            tie = _tie(net, node)
            if tie is not None:
                found[node.name] = tie
    # A line is rounded to single precision, and so are its coefficient and the sum of all lines.
    single = Rounding.of(torch.float32)
    gamma = single.gamma(sum(tie.index.shape[1] for tie in found.values()))
    for name, tie in found.items():
        slack = torch.zeros_like(tie.floor)
        for own, swing in zip(slack, tie.swing, strict=True):
            units, terms = swing.shape
            norm = swing.abs().sum(1).double()
            own[:units] = norm * (gamma * (1 + single.gamma(terms))) + terms * single.tiny
        found[name] = replace(tie, floor=tie.floor - slack, ceiling=tie.ceiling + slack)
    return found


def _tie(net: Relaxed, node: Node) -> Tie | None:
    name = node.operands[0]
    z = net.bounds[name]
    lower, upper = by_class(z.lower), by_class(z.upper)
    opened = (lower < 0) & (upper > 0)
    most = int(opened.sum(1).max()) if opened.numel() else 0
    if not 0 < most <= MOST or name == net.source:
        return None
    mostly = torch.where(lower + upper > 0, 1.0, -1.0).to(lower)  # open, or shut
    found = _lines(net, name, opened, mostly)
    if found is None:
        return None
    line, constant, index, mostly, weighs = found
    # A line below z where it is mostly open, and below −z, which is one above z, where not.
    center, radius = (part.flatten(1) for part in net.bounds[net.source].center_radius())
    middle = net.rounding.least(line, center, center) + constant
    middle = middle - constant.abs() * net.rounding.gamma(1) - net.rounding.tiny
    gains = weighs & (middle > 0)
    most = int(gains.sum(1).max())
    if most == 0:
        return None
    kept = gains.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :most]
    index, mostly, middle, gains = (x.gather(1, kept) for x in (index, mostly, middle, gains))
    low, high = lower.gather(1, index), upper.gather(1, index)
    swing = []
    for number, units in enumerate(gains.sum(1).tolist()):
        own = line[number if len(line) > 1 else 0].index_select(0, kept[number, :units])
        own = own.mul_(radius[number]).mul_(mostly[number, :units].unsqueeze(1))
        swing.append(own.to(torch.float32))
    opening = torch.where(gains & (mostly > 0), _SHORT / high, torch.zeros_like(low))
    closing = torch.where(gains & (mostly < 0), -_SHORT / low, torch.zeros_like(low))
    return Tie(index, swing, middle * mostly, middle * mostly, opening, closing)


def _lines(
    net: Relaxed, name: str, opened: Tensor, mostly: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor] | None:
    """Lines below units, each times its sign, or None.

    Args:
        opened, mostly: whether a unit's gate is open, and the sign of its line, [batch, unit].

    Returns:
        Coefficients of the lines [batch or 1, line, input] and constants [batch, line]; the unit
        and the sign of each, and whether the input asks for it, [batch, line].
    """
    local = windowed(net, name)
    if local is None and _is_straight(net, name):
        # All inputs have the same lines: those of both signs, once.
        units = opened.any(0).nonzero().squeeze(1)
        signs = torch.cat([torch.ones_like(units), -torch.ones_like(units)]).to(mostly)
        one = torch.cat([units, units]).unsqueeze(0)
        index, signs = (x.expand(len(opened), -1) for x in (one, signs.unsqueeze(0)))
        weighs = opened.gather(1, index) & (mostly.gather(1, index) == signs)
        found = _carried(net, name, one, signs[:1])
    else:
        most = int(opened.sum(1).max())
        index = opened.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :most]
        signs, weighs = mostly.gather(1, index), opened.gather(1, index)
        if local is None:
            found = _carried(net, name, index, signs)
        else:
            found = _of_windows(net, local, index, signs, weighs)
    return None if found is None else (*found, index, signs, weighs)


def _is_straight(net: Relaxed, name: str) -> bool:
    """Whether a value is affine in the input."""
    needed = {name}
    for node in reversed(net.nodes):
        if node.name in needed:
            if not net.is_affine(node):
                return False
            needed.update(operand for _, operand in net.varying(node))
    return True


def _of_windows(
    net: Relaxed, local: Windowed, index: Tensor, signs: Tensor, weighs: Tensor
) -> tuple[Tensor, Tensor] | None:
    line = signs.new_zeros((*index.shape, net.bounds[net.source].lower[:1].numel()))
    constant = torch.zeros_like(signs)
    place = weighs.nonzero(as_tuple=True)
    units = torch.unravel_index(index[place], net.shapes[local.name][1:])
    found = local.lines(torch.stack([place[0], *units], 1), signs[place])
    if found is None:
        return None
    line[place], constant[place] = found
    return line, constant


def _carried(net: Relaxed, name: str, index: Tensor, signs: Tensor) -> tuple[Tensor, Tensor] | None:
    shape = net.shapes[name][1:]
    lines, constants = [], []
    pieces = (torch.split(x, TOGETHER, 1) for x in (index, signs))
    for units, sign in zip(*pieces, strict=True):
        one = sign.new_zeros((*units.shape, math.prod(shape)))
        one.scatter_(2, units.unsqueeze(2), sign.unsqueeze(2))
        held, constant = values.lines(net, {name: one.reshape(*one.shape[:2], *shape)}, Choices())
        if set(held) != {net.source}:
            return None  # something on the way was bounded rather than carried back
        lines.append(held[net.source].flatten(2))
        constants.append(constant)
    if len(lines) == 1:
        return lines[0], constants[0]
    return torch.cat(lines, 1), torch.cat(constants, 1)


def gain(net: Relaxed, parts: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
    """What ties add to the bounds, [batch, row]: their sum where that is positive, else nothing.

    `parts` are coefficients of the units' lines and middles of their sums, by the gate's name.
    """
    middles = torch.stack([middle for _, middle in parts.values()])
    swing = torch.zeros_like(middles[0])
    for number, own in enumerate(swing):
        total: Tensor | None = None
        for name, (coefficients, _) in parts.items():
            lines = net.ties[name].swing[number]
            c = coefficients[number, :, : len(lines)]
            total = c @ lines if total is None else total.addmm_(c, lines)
        assert total is not None  # noqa: S101  # there are parts
        own.copy_(total.abs_().sum(1))
    terms = net.bounds[net.source].lower[:1].numel()
    swing = swing * (1 + Rounding.of(torch.float32).gamma(terms))
    slack = middles.abs().sum(0) * net.rounding.gamma(len(parts)) + swing * net.rounding.eps
    # Single precision may overflow: then there is nothing to gain.
    return torch.nan_to_num(middles.sum(0) - swing - slack - 1e-30, nan=0.0).clamp(min=0)
