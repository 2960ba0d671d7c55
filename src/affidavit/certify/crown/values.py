"""Linear bounds on values: functionals handed back from a node to the input.

Coefficients A [batch, row, ...] of some values stand for the functional `Σ A·v`; every step
replaces a node's term by terms of its operands and a constant that are never larger, wherever the
operands lie within their bounds. Upper bounds are lower bounds of the negated rows. Source: Zhang
et al. 2018 (CROWN); for weights in boxes and for rounding there are charges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from affidavit.certify import windows
from affidavit.certify.crown.choices import Choices
from affidavit.certify.crown.lines import TURNS, around
from affidavit.certify.crown.maps import Product, constant_part, linear_map
from affidavit.certify.crown.relaxed import Relaxed
from affidavit.certify.crown.rounding import magnitude
from affidavit.graph import Interval, Node, ops
from affidavit.graph.intervals.interval import subtract

Step: TypeAlias = tuple[list[tuple[str, Tensor]], Tensor]


def lower(net: Relaxed, rows: Mapping[str, Tensor], choices: Choices) -> Tensor:
    """Lower bounds of functionals of values over the box, [batch, row].

    Args:
        net: the network and its bounds.
        rows: coefficients by the value's name, [batch, row, *shape].
        choices: slopes of the relaxations.

    Guarantee: `sound`.
    """
    held, total = lines(net, rows, choices)
    size = total.abs()
    for name, a in held.items():
        constant = net.least(a, net.bounds[name])
        total, size = total + constant, size + constant.abs()
    return total - size * net.rounding.gamma(len(held))


def lines(
    net: Relaxed, rows: Mapping[str, Tensor], choices: Choices
) -> tuple[dict[str, Tensor], Tensor]:
    """Lower bounds as functionals of the input, with its coefficients, and a constant.

    Arguments as of :func:`lower`. A value that has no linear bounds is bounded on the way.
    """
    held = dict(rows)
    first = next(iter(held.values()))
    total = first.new_zeros(first.shape[:2])
    size = torch.zeros_like(total)
    for node in reversed(net.nodes):
        if node.name not in held:
            continue
        a = held.pop(node.name)
        if node.name in net.inside:
            a = a * net.inside[node.name].unsqueeze(1)
        parts, constant = _back(net, node, a, choices)
        total, size = total + constant, size + constant.abs()
        for name, part in parts:
            if name in held:
                part = held[name] + part  # a sum of coefficients is rounded
                error = magnitude(net.bounds[name]) * (2 * net.rounding.eps)
                total = total + net.rounding.charge(part, error)
            held[name] = part
    return held, total - size * net.rounding.gamma(2 * len(net.nodes))


def each(a: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """A function of batches applied to every row."""
    found = function(a.flatten(0, 1))
    return found.reshape(*a.shape[:2], *found.shape[1:])


def _weighed(product: Product, weight: Tensor, rows: Tensor) -> Tensor:
    return product(rows, weight)


def _back(net: Relaxed, node: Node, a: Tensor, choices: Choices) -> Step:
    if net.is_affine(node):
        return _affine(net, node, a)
    if type(node.op) in TURNS:
        found, constant = net.rounding.apply(net.lines(node, a.shape[1], choices), a)
        return [(node.operands[0], found)], constant
    rule = OTHERS.get(type(node.op))
    if rule is not None:
        return rule(net, node, a)
    return [], net.least(a, net.bounds[node.name])


def _affine(net: Relaxed, node: Node, a: Tensor) -> Step:
    parts = []
    for index, name in net.varying(node):
        step = net.map(node, index)
        parts.append((name, each(a, partial(_weighed, step.pull, step.center))))
    rest = net.once(("rest", node.name), lambda: _rest(net, node))
    return parts, a.new_zeros(a.shape[:2]) if rest is None else net.least(a, rest)


def _rest(net: Relaxed, node: Node) -> Interval | None:
    """What an affine node adds to the products with its weights' centres, charges included."""
    r, operands = net.rounding, net.operands(node)
    fixed = [not net.varies(name) for name in node.operands]
    parts = constant_part(node.op, operands, fixed)
    products = [
        (net.map(node, index), net.spread(node, index), magnitude(net.bounds[name]))
        for index, name in net.varying(node)
        if net.inexact(node, index)
    ]
    if not parts and not products:
        return None
    lower = upper = error = operands[0].lower.new_zeros((1, *net.size(node.name)))
    for part in parts:
        lower, upper = lower + part.lower, upper + part.upper
        error = error + magnitude(part) * r.gamma(len(parts))
    for step, spread, size in products:
        error = error + step.push(size, spread) * (1 + r.gamma(step.terms))
    return Interval(lower - error, upper + error)


def _ends(value: Interval) -> tuple[Tensor, Tensor]:
    return value.lower, value.upper


def _prelu(net: Relaxed, node: Node, a: Tensor) -> Step:
    # slope·x + (1 − slope)·max(x, 0), so that ReLU's lines serve.
    name, r = node.operands[0], net.rounding
    x, slope = net.operands(node)
    center, radius = slope.center_radius()
    lines = around(ops.Relu(), x, r.eps)
    found, constant = r.apply(r.charged(lines, magnitude(x)), a * (1 - center))
    error = magnitude(x) * (radius + (1 + center.abs()) * 16 * r.eps)
    return [(name, found + a * center)], constant + r.charge(a, error)


def _larger(net: Relaxed, node: Node, a: Tensor) -> Step:
    # max(a, b) = b + max(a − b, 0) and min(a, b) = b − max(b − a, 0)
    r = net.rounding
    out = net.size(node.name)
    first, second = (
        Interval(*(_lined_up(end, out) for end in _ends(x))) for x in net.operands(node)
    )
    sign = 1.0 if isinstance(node.op, ops.Maximum) else -1.0
    gap = subtract(first, second) if sign > 0 else subtract(second, first)
    lines = around(ops.Relu(), gap, r.eps)
    slope, constant = r.apply(r.charged(lines, magnitude(gap)), sign * a)
    error = (magnitude(first) + magnitude(second)) * (8 * r.eps)
    constant = constant + r.charge(a, error) + r.charge(slope, error)
    # The coefficient of a − b goes to a, its negative to b; with min the two turn round twice.
    shares = (sign * slope, a - sign * slope)
    parts = []
    for index, name in enumerate(node.operands):
        if net.varies(name):
            sizes = [net.size(n) for n in node.operands]
            step = linear_map(ops.Add(), index, net.operands(node), sizes, out)
            parts.append((name, each(shares[index], partial(_weighed, step.pull, a))))
        else:
            constant = constant + net.least(shares[index], (first, second)[index])
    return parts, constant


def _lined_up(x: Tensor, out: tuple[int, ...]) -> Tensor:
    """A value or a tensor broadcast to a shape, its batch kept (1 for a tensor)."""
    return x.expand(x.shape[0], *out) if x.ndim == len(out) + 1 else x.expand(1, *out)


def _max_pool(net: Relaxed, node: Node, a: Tensor) -> Step:
    # Below: the entry whose lower bound is the largest. Above: the sure winner, or a constant.
    name = node.operands[0]
    x, r = net.bounds[name], net.rounding
    window = windows.of(node.op, tuple(x.lower.shape[2:]), x.lower.device)
    lower, upper = (window.gather(end, -torch.inf) for end in _ends(x))
    best = lower.argmax(-1, keepdim=True)
    pick = torch.zeros_like(lower).scatter(-1, best, 1.0).unsqueeze(1)
    most = upper.amax(-1)
    sure = window.gates(x).lower.sum(-1) > 0
    flat = a.flatten(3)
    low, high = flat.clamp(min=0), flat.clamp(max=0)
    constant = r.least(flat, torch.zeros_like(most), most.masked_fill(sure, 0))
    kept = (low + torch.where(sure.unsqueeze(1), high, torch.zeros_like(high))).unsqueeze(-1) * pick
    found = each(kept, window.scatter).reshape(*kept.shape[:2], *x.lower.shape[1:])
    error = magnitude(x) * r.gamma(window.overlap)
    return [(name, found)], constant + r.charge(found, error)


OTHERS: dict[type[ops.Op], Callable[[Relaxed, Node, Tensor], Step]] = {
    ops.PRelu: _prelu,
    ops.Maximum: _larger,
    ops.Minimum: _larger,
    ops.MaxPool: _max_pool,
}
"""Piecewise linear ops that are not functions of one variable; what has no rule here is replaced
by its bounds."""
