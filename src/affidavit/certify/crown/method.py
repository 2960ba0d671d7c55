"""CROWN: bounds on values and gradients by linear relaxation."""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.certify import ibp, windows
from affidavit.certify.crown import tangents, ties, values
from affidavit.certify.crown.relaxed import Relaxed
from affidavit.certify.crown.rows import bound, refine, refine_twice
from affidavit.certify.derivatives import DERIVATIVES
from affidavit.certify.problem import Problem
from affidavit.certify.target import Score
from affidavit.graph import Graph, Interval, Node, ops
from affidavit.graph.intervals.interval import meet
from affidavit.graph.intervals.rules import RULES as FORWARD

STEPS = 1
"""Steps of optimisation of the slopes below open units; most of what is to be had by them."""


def gradient(
    problem: Problem, chosen: Score, *, steps: int = STEPS, gradient_steps: int = 0
) -> Interval:
    """Bounds on the gradient by linear relaxation, never looser than `ibp`.

    Args:
        problem: the network and the boxes.
        chosen: what the gradient is of.
        steps: steps of optimisation of the slopes that bound values, at the units that the default
            ones leave open; 0 for the default ones alone.
        gradient_steps: the same for the slopes and planes of each entry of the gradient, which
            takes off some per cent more, at many times the cost.
    """
    net = relaxed(problem, chosen.node, steps)
    _cotangents(net, problem.graph, chosen, gradient_steps)
    net.ties.update(ties.tied(net))
    name = problem.graph.input
    every = torch.ones_like(problem.box.lower, dtype=torch.bool)
    found = refine_twice(net, name, net.cotangents[name], every, tangents.lower, gradient_steps)
    return found.to(problem.box.lower.dtype, problem.box.lower.device)


def outputs(problem: Problem, *, steps: int = STEPS) -> Interval:
    """Bounds on the outputs by linear relaxation, never looser than `ibp`."""
    graph = problem.graph
    net = relaxed(problem, graph.output, steps)
    start = net.bounds[graph.output]
    every = torch.ones_like(start.lower, dtype=torch.bool)
    found = refine(net, graph.output, start, every, values.lower, steps)
    return found.to(problem.box.lower.dtype, problem.box.lower.device)


def margins(problem: Problem, chosen: Score, *, steps: int = STEPS) -> Interval:
    """Bounds on how far the chosen class is ahead of each, never looser than `ibp`."""
    start = ibp.margins(problem, chosen)
    net = relaxed(problem, chosen.node, steps)
    shape = net.bounds[chosen.node].lower.shape
    classes = shape[1:].numel()
    one = torch.eye(classes, dtype=torch.float64, device=start.lower.device)
    rows = (one[chosen.first].unsqueeze(1) - one).reshape(len(start.lower), classes, *shape[1:])
    lower = bound(net, chosen.node, torch.cat([rows, -rows], 1), values.lower, steps)
    found = Interval(lower[:, :classes], -lower[:, classes:])
    return meet(start.to(torch.float64, start.lower.device), found).to(
        start.lower.dtype, start.lower.device
    )


def relaxed(problem: Problem, last: str, steps: int) -> Relaxed:
    """The network with bounds of all values, made tighter wherever a relaxation rests on them."""
    box = problem.box
    dtype, device = box.lower.dtype, box.lower.device
    coarse = ibp.forward(problem.graph, box, problem.weights, last, problem.within)
    fine = {name: value.to(torch.float64, device) for name, value in coarse.items()}
    net = Relaxed.of(problem.graph, last, fine, dtype)
    depth = {problem.graph.input: 0}
    curved = {problem.graph.input: False}
    for node in net.nodes:
        below = [name for _, name in net.varying(node)]
        # One product of the box itself is as tight as it gets; what the default slopes settle
        # needs no others.
        for tries in (0, steps) if steps else (0,):
            for name, open_ in _open(net, node).items():
                if curved[name] or (depth[name] > 1 and tries == 0):
                    start = net.bounds[name]
                    net.bounds[name] = refine(net, name, start, open_, values.lower, tries)
        operands = [net.bounds[name].to(dtype, device) for name in node.operands]
        again = FORWARD[type(node.op)](node.op, *operands)
        net.bounds[node.name] = meet(net.bounds[node.name], again.to(torch.float64, device))
        affine = net.is_affine(node)
        counts = affine and net.map(node, net.varying(node)[0][0]).terms > 0
        depth[node.name] = max(depth[name] for name in below) + int(counts)
        curved[node.name] = not affine or any(curved[name] for name in below)
    return net


def _cotangents(net: Relaxed, graph: Graph, chosen: Score, steps: int) -> None:
    """Bounds of the gradient by every value, tighter where several gates are open behind it."""
    device = net.bounds[chosen.node].lower.device
    coarse = {name: value.to(net.dtype, device) for name, value in net.bounds.items()}
    last = chosen.cotangent(coarse[chosen.node])
    behind = {chosen.node: 0 if last.is_point else 1}
    vague = set() if last.is_point else {chosen.node}
    for node in reversed(net.nodes):
        opened = bool(_open_gates(net, node).any())
        level = behind.setdefault(node.name, 0) + int(opened)
        exact = all(net.varies(name) or net.bounds[name].is_point for name in node.operands)
        for _, name in net.varying(node):
            behind[name] = max(behind.get(name, 0), level)
            if opened or not exact or node.name in vague:
                vague.add(name)
    net.known.update(behind.keys() - vague)

    def tighter(name: str, start: Interval) -> Interval:
        net.cotangents[name] = start.to(torch.float64, device)
        if behind[name] < 2 or name not in net.node or net.is_affine(net.node[name]):
            return start
        open_ = _open_gates(net, net.node[name])
        found = refine_twice(net, name, net.cotangents[name], open_, tangents.lower, steps)
        net.cotangents[name] = found
        return found.to(net.dtype, device)

    ibp.backward(graph, coarse, chosen.node, last, tighter)


def _open(net: Relaxed, node: Node) -> dict[str, Tensor]:
    """Entries of the node's operands whose bounds decide how tight its relaxation is."""
    operands = net.operands(node)
    if type(node.op) in DERIVATIVES or isinstance(node.op, ops.PRelu):
        return {node.operands[0]: _open_gates(net, node)}
    if isinstance(node.op, ops.MaxPool):
        x = operands[0]
        window = windows.of(node.op, tuple(x.lower.shape[2:]), x.lower.device)
        gate = window.gates(x)
        met = window.scatter((gate.lower < gate.upper).to(x.lower.dtype)) > 0
        return {node.operands[0]: met.reshape(x.lower.shape)}
    if net.is_affine(node):
        return {}
    return {
        name: operands[index].lower < operands[index].upper for index, name in net.varying(node)
    }


def _open_gates(net: Relaxed, node: Node) -> Tensor:
    """Entries of the node's value whose derivative is not known."""
    operands = net.operands(node)
    x = operands[0]
    if net.is_affine(node):
        return torch.zeros((), dtype=torch.bool, device=x.lower.device)
    if type(node.op) in DERIVATIVES or isinstance(node.op, ops.PRelu):
        gate = tangents.gate(net, node, 0)
        assert gate is not None  # noqa: S101  # these ops have one
    elif isinstance(node.op, ops.MaxPool):
        shape = net.bounds[node.name].lower.shape
        window = windows.of(node.op, tuple(x.lower.shape[2:]), x.lower.device)
        gate = window.gates(x)
        return (gate.lower < gate.upper).any(-1).reshape(shape)
    else:
        return torch.ones_like(net.bounds[node.name].lower, dtype=torch.bool)
    return gate.lower < gate.upper
