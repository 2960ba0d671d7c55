"""The width of the box of gradients, cheap enough to train with."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from affidavit.certify.backward import RULES as BACKWARD
from affidavit.certify.boxes import weight_boxes
from affidavit.certify.target import Score
from affidavit.certify.training import fused
from affidavit.certify.training.affine import Affine
from affidavit.graph import BATCH, Graph, Interval, Node, ops
from affidavit.graph.intervals.interval import add, unrounded
from affidavit.graph.intervals.rules import RULES as FORWARD


def total_width(
    graph: Graph, box: Interval, chosen: Score, params: Mapping[str, Tensor], gamma: float = 0.0
) -> Tensor:
    """Σ_i δ_i: the widths of the bounds on the gradient, summed over the features.

    That of :func:`affidavit.certify.ibp.gradient` up to rounding, and differentiable by
    `params`. Four things make it cheap. There is no outward rounding and no test for overflow (the
    sum is then infinite or NaN). Affine layers use that the radius of a weight is `γ|W|`. And where
    the network starts with one affine layer there are no bounds for each feature: the sum over the
    features of what it sends back is one weighted sum of what it receives.

    Args:
        graph: the network; its ops must have been checked.
        box: bounds of the inputs.
        chosen: what the gradient is of.
        params: live tensors in place of the graph's own, by name.
        gamma: each parameter W varies in `[W − γ|W|, W + γ|W|]`.

    Returns:
        Sums, [batch].

    Source: Wicker et al. 2022, section 5.1.
    """
    with unrounded():
        tensors = {
            name: tensor.to(box.lower.device, box.lower.dtype)
            for name, tensor in {**graph.tensors, **params}.items()
        }
        affine = _affine(graph, tensors, gamma)
        elsewhere = {
            name for node in graph.nodes if node.name not in affine for name in node.operands
        }
        sizes = {name: gamma for name in graph.parameters if name in elsewhere}
        weights = weight_boxes(graph, sizes, tensors)
        bounds = _forward(graph, {graph.input: box, **weights}, affine, chosen.node)
        entry = _entry(graph, affine)
        found = {chosen.node: chosen.cotangent(bounds[chosen.node])}
        for node in reversed(graph.nodes):
            if node.name not in found:
                continue
            cotangent, x = found.pop(node.name), bounds[node.operands[0]]
            back: list[Interval | None]
            if node is entry:
                return affine[node.name].total_width_back(cotangent, x.lower)
            if node.name in affine:
                back = [affine[node.name].back(cotangent, x.lower)]
            elif isinstance(node.op, ops.Relu):
                back = [fused.gated(cotangent, x)]
            else:
                operands = [bounds[name] for name in node.operands]
                back = list(BACKWARD[type(node.op)](node.op, cotangent, *operands))
            for name, part in zip(node.operands, back, strict=False):
                if part is None or graph.shapes[name][:1] != (BATCH,):
                    continue
                found[name] = add(found[name], part) if name in found else part
    if graph.input not in found:
        return box.lower.new_zeros(len(box.lower))
    return found[graph.input].width.flatten(1).sum(1)


def _affine(graph: Graph, tensors: Mapping[str, Tensor], gamma: float) -> dict[str, Affine]:
    """The layers whose weight and bias are tensors of the graph, by node."""
    found = {}
    for node in graph.nodes:
        names = node.operands[1:]
        if isinstance(node.op, ops.Linear | ops.Conv) and all(name in tensors for name in names):
            sizes = [gamma if name in graph.parameters else 0.0 for name in names]
            found[node.name] = Affine.of(node.op, [tensors[name] for name in names], sizes)
    return found


def _forward(
    graph: Graph, given: Mapping[str, Interval], affine: Mapping[str, Affine], last: str
) -> dict[str, Interval]:
    """Bounds of every value that `last` is computed from, beside those of input and tensors."""
    bounds = dict(given)
    needed = graph.ancestors([last])
    for node in graph.nodes:
        if node.name not in needed:
            continue
        if node.name in affine:
            bounds[node.name] = affine[node.name](bounds[node.operands[0]])
        else:
            operands = [bounds[name] for name in node.operands]
            bounds[node.name] = FORWARD[type(node.op)](node.op, *operands)
    return bounds


def _entry(graph: Graph, affine: Mapping[str, Affine]) -> Node | None:
    """The affine layer that alone sees the input, which may be reshaped or transposed before."""
    name = graph.input
    while len(users := graph.users(name)) == 1:
        (node,) = users
        if node.name in affine:
            return node
        if not isinstance(node.op, ops.Reshape | ops.Transpose):
            return None
        name = node.name
    return None
