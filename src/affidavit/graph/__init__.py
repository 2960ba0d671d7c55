"""The network as a closed, immutable graph of ops.

`load` makes a graph of a model; calling a graph evaluates it; `propagate` bounds it over a box;
`simplify` and the single passes give views of it with fewer ops.
"""

from affidavit.graph.graph import BATCH, Graph, Node
from affidavit.graph.intervals import Interval, propagate
from affidavit.graph.load import load
from affidavit.graph.passes import (
    View,
    drop_identities,
    fold_batch_norm,
    fold_constants,
    merge_affine,
    simplify,
)
from affidavit.graph.table import SupportedOp, supported_ops
from affidavit.graph.weights import load_weights, read_weights

__all__ = [
    "BATCH",
    "Graph",
    "Interval",
    "Node",
    "SupportedOp",
    "View",
    "drop_identities",
    "fold_batch_norm",
    "fold_constants",
    "load",
    "load_weights",
    "merge_affine",
    "propagate",
    "read_weights",
    "simplify",
    "supported_ops",
]
