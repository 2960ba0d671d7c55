"""Where values of a graph go: what is computed from a layer, and what goes round it."""

from __future__ import annotations

from dataclasses import replace

from affidavit.graph import Graph, Node, ops

_BEFORE_SOFTMAX = (ops.Softmax, ops.LogSoftmax)


def score_graph(graph: Graph) -> Graph:
    """The graph up to the scores: before a final softmax, and without what no score needs."""
    output = graph.output
    by_name = {node.name: node for node in graph.nodes}
    while output in by_name and isinstance(by_name[output].op, _BEFORE_SOFTMAX):
        output = by_name[output].operands[0]
    needed = graph.ancestors((output,))
    if output == graph.output and all(node.name in needed for node in graph.nodes):
        return graph
    nodes = tuple(node for node in graph.nodes if node.name in needed)
    return replace(graph, nodes=nodes, output=output, output_names=())


def dependents(graph: Graph, name: str) -> set[str]:
    """All values that are computed from the named one, and it itself."""
    found = {name}
    for node in graph.nodes:
        if not found.isdisjoint(node.operands):
            found.add(node.name)
    return found


def after(graph: Graph, name: str) -> list[Node]:
    """The nodes that are computed from the named value, in graph order, without its own."""
    found = dependents(graph, name)
    return [node for node in graph.nodes if node.name in found and node.name != name]


def bypass(graph: Graph, name: str) -> tuple[str, ...]:
    """The values that reach the score round the named one; none where it cuts every path.

    They are the values of the input, or computed from it, that a step after the layer takes and
    that are not themselves computed from the layer: what a skip connection or a parallel branch
    brings.
    """
    moving, later = dependents(graph, graph.input), dependents(graph, name)
    taken = [operand for node in after(graph, name) for operand in node.operands]
    return tuple(dict.fromkeys(o for o in taken if o in moving and o not in later))


def not_affine(graph: Graph, name: str) -> list[tuple[str, str]]:
    """The steps after a value that are not affine in it, each as (op, place), in graph order.

    A product of two values of the input is none, whether both or one is computed from the layer:
    its slope would change with the input.
    """
    moving, later = dependents(graph, graph.input), dependents(graph, name)
    return [
        (type(node.op).__name__, node.module or node.name)
        for node in after(graph, name)
        if not is_affine(node, moving, later)
    ]


def is_affine(node: Node, moving: set[str], later: set[str]) -> bool:
    """Whether a node is affine, with a constant slope, in those of its operands in `later`.

    Args:
        node: any node with an operand in `later`.
        moving: all values that depend on the input.
        later: the values that the node is to be affine in.
    """
    match node.op:
        case ops.Add() | ops.Sub() | ops.Concat():
            return True
        case ops.Mul():
            return sum(operand in moving for operand in node.operands) == 1
        case ops.Linear() | ops.Conv() | ops.BatchNorm() | ops.Div():
            return moving.isdisjoint(node.operands[1:])
        case _:
            return isinstance(node.op, (*ops.AFFINE, *ops.MOVEMENT))
