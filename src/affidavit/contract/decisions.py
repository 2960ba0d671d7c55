"""From a classifier's outputs to the classes it decides for."""

from __future__ import annotations

import numpy as np

from affidavit.contract.context import Context
from affidavit.errors import ContractError, DataError, ModelError
from affidavit.graph import ops


def decisions(context: Context, part_name: str) -> tuple[np.ndarray, str]:
    """The class decided for each input of a part, and the rule as a sentence.

    The class of the largest output, the first of several equal ones. A single output decides
    between two classes: a probability at 1/2, a logit at 0. Which of them it is must be known: the
    model ends in a sigmoid, or the contract says so.

    Raises:
        DataError: the data are not classified, or have other classes than the model.
        ContractError: nobody says what a single output is.
    """
    part = context.part(part_name)
    if part.regression:
        raise DataError(
            f"{context.dataset.name} has no classes: its labels are numbers to be regressed"
        )
    outputs = context.outputs(part_name)
    columns = outputs.shape[1]
    if columns == 1:
        level, what = single_output(context)
        classes = classes_of_outputs(context, 2)
        rule = f"The decision is the second class where the single output, a {what}, is above"
        return classes[(outputs[:, 0] > level).astype(int)], f"{rule} {level:g}."
    classes = classes_of_outputs(context, columns)
    return classes[
        outputs.argmax(1)
    ], "The decision is the largest output's class (ties: the first)."


def decision(context: Context, outputs: np.ndarray) -> int:
    """The class decided for by the outputs of one input, flat; see :func:`decisions`."""
    if len(outputs) == 1:
        place = int(outputs[0] > single_output(context)[0])
        return int(classes_of_outputs(context, 2)[place])
    return int(classes_of_outputs(context, len(outputs))[int(outputs.argmax())])


def classes_of_outputs(context: Context, told_apart: int) -> np.ndarray:
    """For each output, the index of the class that it stands for.

    Args:
        told_apart: number of classes that the model tells apart; of a single output these are two.

    Raises:
        DataError: the data have other classes than the model.
    """
    names = context.dataset.class_names
    known = context.graph.output_names
    if len(names) != told_apart:
        raise DataError(
            f"the model tells {told_apart} classes apart, and {context.dataset.name} has"
            f" {len(names)} ({_listed(names)}): say which label each output stands for, with"
            " [data] classes = [...]"
        )
    if sorted(known) == sorted(names):
        return np.array([names.index(name) for name in known])
    # A model fitted on class indices knows no names.
    if known and known != tuple(str(index) for index in range(told_apart)):
        raise DataError(
            f"the model tells the classes {_listed(known)} apart, and {context.dataset.name} has"
            f" {_listed(names)}"
        )
    return np.arange(told_apart)


def single_output(context: Context) -> tuple[float, str]:
    """The level above which a single output decides for the second class, and what it is.

    Raises:
        ContractError: nobody says whether it is a logit or a probability, or it is no logit.
        ModelError: the output is always 1.
    """
    graph = context.graph
    node = graph[graph.output]
    while isinstance(node.op, ops.Reshape) and node.operands[0] != graph.input:
        node = graph[node.operands[0]]
    if isinstance(node.op, ops.Softmax | ops.LogSoftmax):
        raise ModelError("the model ends in a softmax over a single entry, which is always 1")
    what = context.output
    if isinstance(node.op, ops.Sigmoid):
        if what == "logit":
            raise ContractError(
                '[model] output = "logit", and the model ends in a sigmoid: it gives a probability'
            )
        what = "probability"
    if what is None:
        raise ContractError(
            "the model has a single output and does not end in a sigmoid: say whether it is a"
            ' "logit" (decided at 0) or a "probability" (decided at 1/2), with'
            ' [model] output = "..."'
        )
    return (0.5 if what == "probability" else 0.0), what


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
