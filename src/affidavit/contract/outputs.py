"""What a claim says of the model's outputs: a class, a logit, a margin, a probability."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affidavit.contract.context import Context
from affidavit.contract.decisions import classes_of_outputs, single_output
from affidavit.errors import ContractError, DataError, ModelError, nearest

Name = str | int
Row = NDArray[np.float64]
Of = Literal["logit", "probability"]


@dataclass(frozen=True, eq=False)
class Function:
    """A linear function of the outputs, a final softmax or sigmoid left out.

    Attributes:
        row: its coefficients, shape [output].
        name: what it is, for a sentence.
        bias: its constant.
    """

    row: Row
    name: str
    bias: float = 0.0


def output_count(context: Context) -> int:
    """The number of outputs. Raises ModelError unless they have one axis."""
    shape = context.graph.shapes[context.graph.output][1:]
    if len(shape) > 1:
        raise ModelError(
            f"the model gives outputs of shape {list(shape)}; expected one axis, a score a class"
        )
    return math.prod(shape)


def class_index(context: Context, name: Name) -> int:
    """The class with that name, or that number among the data's classes.

    Raises:
        DataError: there is none, or the data have no classes.
    """
    classes = context.dataset.class_names
    if not classes:
        raise DataError(
            f"{context.dataset.name} has no classes: its labels are numbers to be regressed"
        )
    if isinstance(name, str) and name in classes:
        return classes.index(name)
    if isinstance(name, int) and 0 <= name < len(classes):
        return name
    hint = nearest(name, classes) if isinstance(name, str) else ""
    listed = ", ".join(classes[:8]) + (" …" if len(classes) > 8 else "")
    raise DataError(
        f"there is no class {name!r}{hint}; classes: {listed}, by number 0 to {len(classes) - 1}"
    )


def output_name(context: Context, index: int) -> str:
    """The name of the class that an output stands for, or `output 3`."""
    count = output_count(context)
    if not context.dataset.class_names:
        return f"output {index}"
    classes = classes_of_outputs(context, max(count, 2))
    # A single output is the second class's.
    return context.dataset.class_names[int(classes[1 if count == 1 else index])]


def function(
    context: Context,
    output: Name | None = None,
    margin: tuple[Name, Name] | list[Name] | None = None,
    of: Of | None = None,
) -> Function:
    """The function of the outputs that a claim's keys name.

    A probability by a sigmoid, or by a softmax over two classes, rises and falls with its log-odds,
    which are linear in the outputs: they are returned for it.

    Args:
        output: class or number of an output; may be left out where there is only one.
        margin: two of them, the first minus the second.
        of: what of the output is meant; by default what the model has, logits before all.

    Raises:
        DataError: no such class or output.
        ContractError: no output is named, or a probability that is no monotone function of a logit
            or margin.
    """
    count = output_count(context)
    stated = count == 1 and _is_bare_probability(context)
    if margin is not None:
        first, second = (_row(context, name, count) for name in margin)
        name = f"the margin of {margin[0]} over {margin[1]}"
        if stated:
            return Function(first - second, name, float(second[0] - first[0]) / 2)
        # Of two classes with one logit, that is the margin: the other one's is 0.
        return Function(first if count == 1 else first - second, name)
    if output is None:
        if count > 1:
            raise ContractError(
                f"the model has {count} outputs: say which one, with output = ... or"
                " margin = [..., ...]"
            )
        row = np.ones(1)
        output = output_name(context, 0)
    else:
        row = _row(context, output, count)
    if of == "probability" or (of is None and stated):
        if stated:
            return Function(row, f"the probability of {output}", float(row[0] < 0))
        return Function(_log_odds(context, row, count), f"the log-odds of {output}")
    if stated:
        raise ContractError(
            '[model] output = "probability", without a sigmoid: there is no logit; say'
            ' of = "probability"'
        )
    if not context.dataset.class_names:
        return Function(row, output if isinstance(output, str) else f"output {output}")
    return Function(row, f"the logit of {output}")


def _row(context: Context, name: Name, count: int) -> Row:
    """Coefficients of a class's score, or of an output where there are no classes."""
    if not context.dataset.class_names:
        if isinstance(name, str) and name.removeprefix("output ").isdecimal():
            name = int(name.removeprefix("output "))
        if not isinstance(name, int) or not 0 <= name < count:
            raise DataError(
                f"there is no output {name!r}: the data have no classes, and the model's outputs"
                f" are numbered 0 to {count - 1}"
            )
        return np.asarray(np.eye(count)[name])
    index = class_index(context, name)
    place = int(np.flatnonzero(classes_of_outputs(context, max(count, 2)) == index)[0])
    if count == 1:
        # A single output is the second class's score; the first one's is its opposite.
        return np.array([1.0 if place == 1 else -1.0])
    return np.asarray(np.eye(count)[place])


def head(context: Context) -> str | None:
    """The final `softmax`, `logsoftmax` or `sigmoid` of the model, which regions leave out."""
    from affidavit.regions.network import strip_head

    return strip_head(context.graph)[1]


def _is_bare_probability(context: Context) -> bool:
    return head(context) is None and context.output == "probability"


def _log_odds(context: Context, row: Row, count: int) -> Row:
    final = head(context)
    if final in ("softmax", "logsoftmax") and count == 2:
        return np.asarray(row - row[::-1])
    if final in ("softmax", "logsoftmax"):
        raise ContractError(
            f"the probability of one of {count} classes is no monotone function of one logit, so"
            ' regions do not decide this: claim it of = "logit", or of a margin = [..., ...]'
        )
    if final == "sigmoid":
        return row
    if count == 1 and context.dataset.class_names:
        single_output(context)  # raises where nobody says that it is a logit
        return row
    raise ContractError("the model ends in no softmax or sigmoid: its outputs are no probabilities")
