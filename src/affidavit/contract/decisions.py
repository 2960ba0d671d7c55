"""From a classifier's outputs to the classes it decides for."""

from __future__ import annotations

import numpy as np

from affidavit.contract.context import Context
from affidavit.errors import DataError
from affidavit.graph import ops


def decisions(context: Context, part_name: str) -> tuple[np.ndarray, str]:
    """The class decided for each input of a part, and the rule as a sentence.

    The class of the largest output, the first of several equal ones. A single output decides
    between two classes: a probability (the model ends in a sigmoid) at 1/2, a logit at 0.

    Raises:
        DataError: the data are not classified, or have more classes than the model has outputs.
    """
    part = context.part(part_name)
    if not part.class_names:
        raise DataError(
            f"{context.dataset.name} has no classes: its labels are numbers to be regressed"
        )
    outputs = context.outputs(part_name)
    columns = outputs.shape[1]
    least, most = int(part.labels.min()), int(part.labels.max())
    classes = 2 if columns == 1 else columns
    if least < 0 or most >= classes:
        raise DataError(
            f"labels from {least} to {most} do not fit the model, which tells {classes} classes"
            f" apart; expected labels from 0 to {classes - 1}"
        )
    if columns > 1:
        return outputs.argmax(
            1
        ), "The decision is the class of the largest output (ties: the first)."
    probability = _is_sigmoid(context)
    level = 0.5 if probability else 0.0
    what = "probability" if probability else "logit"
    rule = (
        f"The decision is the second class where the single output, a {what}, is above {level:g}."
    )
    return (outputs[:, 0] > level).astype(np.int64), rule


def _is_sigmoid(context: Context) -> bool:
    graph = context.graph
    node = graph[graph.output]
    while isinstance(node.op, ops.Reshape) and node.operands[0] != graph.input:
        node = graph[node.operands[0]]
    return isinstance(node.op, ops.Sigmoid)
