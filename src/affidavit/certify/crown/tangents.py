"""Linear bounds on the gradient: functionals of the input's gradient carried to the output.

A functional `Λ·∇` of the gradient by a value is the derivative along Λ, so it travels forward with
the network, as a tangent T: `T·ā` of the gradient ā by a node's value. Affine nodes map T. A gate
(an activation's derivative s, known to lie between bounds) gives the product `s·ā` of two unknowns,
which is replaced by a McCormick plane: of the two, the mixture in which s drops out where the sign
of ā is open. What is left of s is bounded, or tied to the value that it is the derivative at.
Source: McCormick 1976; the linear bounds are those of :mod:`affidavit.certify.crown.values`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from affidavit.certify import windows
from affidavit.certify.backward import RULES
from affidavit.certify.crown import values
from affidavit.certify.crown.choices import Choices
from affidavit.certify.crown.lines import Lines
from affidavit.certify.crown.maps import linear_map
from affidavit.certify.crown.planes import Plane
from affidavit.certify.crown.relaxed import Relaxed
from affidavit.certify.crown.rounding import magnitude
from affidavit.certify.crown.ties import gain
from affidavit.certify.crown.values import each
from affidavit.certify.derivatives import DERIVATIVES, derivative, prelu
from affidavit.graph import Interval, Node, ops
from affidavit.graph.intervals.interval import multiply, outward, reciprocal

Step: TypeAlias = tuple[Tensor | None, Tensor, dict[str, Tensor]]
"""The tangent of the node's value (None where it was bounded away), a constant, and coefficients
of values that gates were tied to."""
Gains: TypeAlias = dict[str, tuple[Tensor, Tensor]]


def lower(net: Relaxed, rows: Mapping[str, Tensor], choices: Choices) -> Tensor:
    """Lower bounds of functionals of the gradients by values, [batch, row].

    Args:
        net: the network, its bounds and its cotangents.
        rows: coefficients by the value's name, [batch, row, *shape].
        choices: planes and ties of the relaxations.

    Guarantee: `sound`.
    """
    held = dict(rows)
    first = next(iter(held.values()))
    total = first.new_zeros(first.shape[:2])
    size = torch.zeros_like(total)
    tied: dict[str, Tensor] = {}
    gains: Gains = {}
    last_user = {name: node.name for node in net.nodes for name in node.operands}
    for node in net.nodes:
        for index, name in net.varying(node):
            if name not in held:
                continue
            tangent, constant, ties = _push(net, node, index, held[name], choices, gains)
            total, size = total + constant, size + constant.abs()
            for place, a in ties.items():
                tied[place] = tied[place] + a if place in tied else a
            if tangent is None:
                continue
            if node.name in held:
                tangent = held[node.name] + tangent  # a sum of coefficients is rounded
                error = magnitude(net.cotangents[node.name]) * (2 * net.rounding.eps)
                total = total + net.rounding.charge(tangent, error)
            held[node.name] = tangent
        for name in node.operands:
            if last_user[name] == node.name:
                held.pop(name, None)
    if net.last in held:
        constant = net.least(held[net.last], net.cotangents[net.last])
        total, size = total + constant, size + constant.abs()
    if tied:
        constant = values.lower(net, tied, choices)
        total, size = total + constant, size + constant.abs()
    if gains:
        more = gain(net, gains)
        total, size = total + more, size + more
    return total - size * net.rounding.gamma(2 * len(net.nodes))


def _push(net: Relaxed, node: Node, index: int, t: Tensor, choices: Choices, gains: Gains) -> Step:
    if net.is_affine(node):
        return _affine(net, node, index, t)
    if isinstance(node.op, ops.MaxPool):
        return _max_pool(net, node, t)
    plane = net.once(("plane", node.name, index), lambda: _plane(net, node, index))
    if plane is not None:
        return _gated(net, node, index, t, plane, choices, gains)
    # No plane: the operand's cotangent is bounded.
    dtype = net.dtype
    operands = [x.to(dtype, t.device) for x in net.operands(node)]
    parts = RULES[type(node.op)](node.op, net.cotangents[node.name].to(dtype, t.device), *operands)
    part = parts[index]
    assert part is not None  # noqa: S101  # the operand varies
    return None, net.least(t, part.to(t.dtype, t.device)), {}


def _affine(net: Relaxed, node: Node, index: int, t: Tensor) -> Step:
    r, step = net.rounding, net.map(node, index)

    def error() -> Tensor:
        size = magnitude(net.cotangents[node.name])
        return step.pull(size, net.spread(node, index)) * (1 + r.gamma(step.terms))

    constant = t.new_zeros(t.shape[:2])
    if net.inexact(node, index):
        constant = r.charge(t, net.once(("lost", node.name, index), error))
    return each(t, lambda rows: step.push(rows, step.center)), constant, {}


def gate(net: Relaxed, node: Node, index: int) -> Interval | None:
    """Bounds of what the cotangent is multiplied by on its way to an operand."""
    op, operands = node.op, net.operands(node)
    x = operands[0]
    if type(op) in DERIVATIVES:
        return derivative(op, x, net.rounding.eps)
    if isinstance(op, ops.PRelu):
        return prelu(x, operands[1])
    if isinstance(op, ops.Mul):
        return operands[1 - index]
    if isinstance(op, ops.Div):
        over = reciprocal(operands[1])
        if index == 0:
            return over
        found = multiply(multiply(x, over), over)
        return Interval(-found.upper, -found.lower)
    if isinstance(op, ops.Maximum | ops.Minimum):
        other = operands[1 - index]
        mine = x if index == 0 else operands[1]
        if isinstance(op, ops.Minimum):
            mine, other = other, mine
        always, never = mine.lower > other.upper, mine.upper < other.lower
        return Interval(always.to(x.lower.dtype), (~never).to(x.lower.dtype))
    return None


def _plane(net: Relaxed, node: Node, index: int) -> Plane | None:
    factor = gate(net, node, index)
    if factor is None:
        return None
    return Plane.of(_widened(factor, net), net.cotangents[node.name], net.rounding.eps)


def _gated(
    net: Relaxed,
    node: Node,
    index: int,
    t: Tensor,
    plane: Plane,
    choices: Choices,
    gains: Gains,
) -> Step:
    out = net.size(node.name)
    if net.size(node.operands[index]) != out:  # a broadcast operand
        sizes = [net.size(name) for name in node.operands]
        step = linear_map(ops.Add(), index, net.operands(node), sizes, out)
        t = each(t, lambda rows: step.push(rows, rows))
    a, r = net.cotangents[node.name], net.rounding

    def lines() -> Lines:
        return r.charged(plane.lines, magnitude(a))

    if not choices.free:
        if node.name in net.ties:
            units = net.ties[node.name]
            shares = net.once(("tie", node.name), lambda: units.shares(plane.left, r))
            gains[node.name] = units.spread(t, shares, r)
        if node.name in net.known:  # nothing is to be had by carrying it on
            product = net.once(("product", node.name, index), lambda: lines().over(a))
            return None, net.least(t, product), {}
        found, constant = r.apply(net.once(("around", node.name, index), lines), t)
        return found, constant, {}
    plane = plane.mixed(choices.share(f"{node.name} plane", plane.share, t.shape[1]))
    found, constant = r.apply(lines(), t)
    if not isinstance(node.op, ops.Relu):
        return found, constant, {}
    tie = choices.share(f"{node.name} tie", torch.zeros_like(a.lower), t.shape[1])
    ties = _tie(t * plane.left, tie, net.bounds[node.operands[0]])
    return found, constant, {node.operands[0]: ties}


def _widened(gate: Interval, net: Relaxed) -> Interval:
    """The gate as a network in the dtype asked for computes it; zeros and ones are exact."""
    wide = outward(gate.lower, gate.upper, 0)
    slack = 16 * net.rounding.eps
    lower = wide.lower - wide.lower.abs() * slack
    upper = wide.upper + wide.upper.abs() * slack
    return Interval(
        gate.lower.where((gate.lower == 0) | (gate.lower == 1), lower),
        gate.upper.where((gate.upper == 0) | (gate.upper == 1), upper),
    )


def _tie(left: Tensor, share: Tensor, z: Interval) -> Tensor:
    """Coefficients of z that a gate's stand for, beside the gate's own bounds.

    A ReLU's derivative s is 1 only where 0 < z <= u, so `c s >= c z / u` for c >= 0 where
    `c s >= 0` was taken, and `c s >= c + c z / −l` for c < 0 where `c s >= c` was: any share of
    the difference may be added.
    """
    lower, upper = z.lower.unsqueeze(1), z.upper.unsqueeze(1)
    open_ = (lower < 0) & (upper > 0)
    one = torch.ones_like(lower)
    steep = torch.where(left >= 0, 1 / upper.where(open_, one), 1 / (-lower).where(open_, one))
    return torch.where(open_, left * share * steep * (1 - 1e-14), torch.zeros_like(left))


def _max_pool(net: Relaxed, node: Node, t: Tensor) -> Step:
    x, r = net.bounds[node.operands[0]], net.rounding
    window = windows.of(node.op, tuple(x.lower.shape[2:]), x.lower.device)
    gate = window.gates(x)
    a = net.cotangents[node.name]
    places = Interval(
        *(end.flatten(2).unsqueeze(-1).expand_as(gate.lower) for end in (a.lower, a.upper))
    )
    lines = r.charged(Plane.of(gate, places, r.eps).lines, magnitude(places))
    spread = each(t, lambda rows: window.gather(rows, 0.0))
    found, constant = r.apply(lines, spread)
    constant = constant + r.charge(found, magnitude(places) * r.gamma(gate.lower.shape[-1]))
    return found.sum(-1).reshape(*found.shape[:2], *a.lower.shape[1:]), constant, {}
