"""Evaluates everything that does not depend on the input."""

from __future__ import annotations

import torch

from affidavit.graph import ops
from affidavit.graph.graph import BATCH, Graph
from affidavit.graph.interpreter import evaluate
from affidavit.graph.passes.rewrite import Rewrite
from affidavit.graph.passes.view import View


def fold_constants(graph: Graph) -> View:
    """The graph with every node that depends on parameters and constants alone made a tensor.

    Arithmetic is done in double precision, and its result kept so; mere movement keeps the dtype.
    A folded parameter no longer answers to its name: use the source graph where it must.
    """
    draft = Rewrite(graph)
    for node in graph.nodes:
        if any(graph.shapes[name][:1] == (BATCH,) for name in node.operands):
            continue
        operands = [draft.tensors[name] for name in node.operands]
        if not isinstance(node.op, ops.MOVEMENT):
            operands = [operand.to(torch.float64) for operand in operands]
        draft.fold(node, evaluate(node.op, *operands).detach().contiguous())
    return draft.view()
