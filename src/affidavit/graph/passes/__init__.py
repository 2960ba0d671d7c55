"""Passes: views of a graph that compute the same function with fewer or simpler ops."""

from affidavit.graph.graph import Graph
from affidavit.graph.passes.drop_identities import drop_identities
from affidavit.graph.passes.fold_constants import fold_constants
from affidavit.graph.passes.merge_affine import fold_batch_norm, merge_affine
from affidavit.graph.passes.view import View

PASSES = (fold_constants, drop_identities, fold_batch_norm, merge_affine)


def simplify(graph: Graph) -> View:
    """All passes in order, as one view, again and again while they find something to do."""
    view = View(graph, graph, {}, {})
    while True:
        before = view.graph.nodes
        for apply in PASSES:
            view = view.then(apply(view.graph))
        if view.graph.nodes == before:
            return view


__all__ = [
    "PASSES",
    "View",
    "drop_identities",
    "fold_batch_norm",
    "fold_constants",
    "merge_affine",
    "simplify",
]
