"""What the gradient is taken of: a logit, a margin of two, or softmax cross-entropy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from affidavit.errors import DomainError, ModelError
from affidavit.graph import Graph, Interval, ops
from affidavit.graph.intervals.interval import subtract
from affidavit.graph.intervals.rules import RULES as FORWARD

Class: TypeAlias = int | Tensor
Target: TypeAlias = Class | tuple[Class, Class] | None
Loss: TypeAlias = Literal["logit", "margin", "cross_entropy"]


@dataclass(frozen=True, eq=False)
class Score:
    """A scalar function of the logits of each input.

    Attributes:
        loss: which function.
        node: name of the value that holds the logits: the output, a final softmax left out.
        first: the class, [batch].
        second: the class that a margin is against, [batch].
    """

    loss: Loss
    node: str
    first: Tensor
    second: Tensor | None = None

    def of(self, logits: Tensor) -> Tensor:
        """The function's values, [batch]."""
        flat = by_class(logits)
        chosen = flat.gather(1, self.first[:, None]).squeeze(1)
        if self.loss == "cross_entropy":
            return torch.logsumexp(flat, 1) - chosen
        if self.second is not None:
            return chosen - flat.gather(1, self.second[:, None]).squeeze(1)
        return chosen

    def part(self, batch: slice) -> Score:
        """The same for some inputs of the batch."""
        second = None if self.second is None else self.second[batch]
        return dataclasses.replace(self, first=self.first[batch], second=second)

    @property
    def is_linear(self) -> bool:
        """Whether the gradient by the logits is the same everywhere."""
        return self.loss != "cross_entropy"

    def cotangent(self, logits: Interval) -> Interval:
        """Bounds on the gradient by the logits, of their shape, over their bounds."""
        shape = logits.lower.shape
        like = by_class(logits.lower)
        one = torch.zeros_like(like).scatter(1, self.first[:, None], 1.0)
        if self.loss == "cross_entropy":
            flat = Interval(like, by_class(logits.upper))
            p = FORWARD[ops.Softmax](ops.Softmax(1), flat)
            found = subtract(p, Interval.point(one))
            # The gradient of a probability lies in [0, 1], less 1 for the class itself.
            lower = torch.maximum(found.lower, -one).reshape(shape)
            return Interval(lower, torch.minimum(found.upper, 1 - one).reshape(shape))
        if self.second is not None:
            one = one.scatter_add(1, self.second[:, None], torch.full_like(one[:, :1], -1.0))
        return Interval.point(one.reshape(shape))


def score(graph: Graph, x: Tensor, target: Target = None, loss: Loss = "logit") -> Score:
    """The function of the logits that a loss and a target name.

    Args:
        graph: the network. The logits are its output, without a final softmax or log-softmax.
        x: inputs, [batch, *input_shape]: where no target is given, the class they are decided for
            is taken (for a margin, against the runner-up), and held fixed over the box.
        target: class of every input, classes [batch], or for a margin a pair of either.
        loss: what the gradient is taken of.

    Raises:
        DomainError: a class out of range, a pair where one class is meant or the other way round,
            a wrong number of classes, a margin of a class against itself, or an unknown loss.
    """
    if loss not in ("logit", "margin", "cross_entropy"):
        raise DomainError(f"loss is {loss!r}; expected 'logit', 'margin' or 'cross_entropy'")
    node = logits_of(graph)
    classes = torch.Size(graph.shapes[node][1:]).numel()
    if classes < 2 and loss != "logit":
        raise DomainError(f"loss {loss!r} needs at least two outputs; the model has {classes}")
    pair = isinstance(target, tuple | list)
    if target is not None and pair != (loss == "margin"):
        expected = "a pair of classes" if loss == "margin" else "one class, or one an input"
        raise DomainError(f"target is {target!r}; for the loss {loss!r} expected {expected}")
    if target is None:
        order = _order(graph, node, x)
        first, second = order[:, 0], order[:, 1] if loss == "margin" else None
    elif isinstance(target, tuple | list):
        if len(target) != 2:
            raise DomainError(f"target has {len(target)} entries; expected a pair of classes")
        first, second = (_classes(entry, x, classes) for entry in target)
    else:
        first, second = _classes(target, x, classes), None
    if second is not None and bool((first == second).any()):
        raise DomainError("the margin of a class against itself is always 0")
    return Score(loss, node, first, second)


def by_class(logits: Tensor) -> Tensor:
    """Outputs as [batch, class], whatever axes they have beside the batch, none included."""
    return logits[:, None] if logits.ndim == 1 else logits.flatten(1)


def logits_of(graph: Graph) -> str:
    """Name of the value before a final softmax or log-softmax, or the output."""
    node = next((node for node in graph.nodes if node.name == graph.output), None)
    if node is not None and isinstance(node.op, ops.Softmax | ops.LogSoftmax):
        return node.operands[0]
    return graph.output


def _order(graph: Graph, node: str, x: Tensor) -> Tensor:
    with torch.no_grad():
        logits = by_class(graph.values(x, (node,))[node])
    if not bool(torch.isfinite(logits).all()):
        raise ModelError("the model gives NaN or infinite outputs: there is no predicted class")
    return logits.argsort(dim=1, descending=True, stable=True)


def _classes(target: Class, x: Tensor, classes: int) -> Tensor:
    if isinstance(target, Tensor):
        if target.dtype.is_floating_point or target.dtype == torch.bool:
            raise DomainError(f"target has the dtype {target.dtype}; expected whole numbers")
        if target.ndim > 1 or (target.ndim == 1 and len(target) != len(x)):
            raise DomainError(
                f"target has the shape {list(target.shape)}; expected one class, or"
                f" {len(x)}, one an input"
            )
        found = target.to(x.device, torch.long).expand(len(x))
    elif isinstance(target, int) and not isinstance(target, bool):
        found = torch.full((len(x),), target, dtype=torch.long, device=x.device)
    else:
        raise DomainError(f"target is {target!r}; expected a class by number")
    if bool(((found < 0) | (found >= classes)).any()):
        worst = int(found.min() if bool((found < 0).any()) else found.max())
        raise DomainError(f"target {worst} is out of range: the model has {classes} outputs")
    return found
