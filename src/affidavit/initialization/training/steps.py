"""Steps of gradient descent for several dense networks at once, written by hand.

Everything is a product of stacks of matrices, [model, ·, ·], into memory that is there already;
weights lie as [model, input, output], the transpose of PyTorch's, as the products run fastest on
it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from affidavit.initialization.training.layers import Layer, Linear
from affidavit.initialization.training.rules import Rule

_FORWARD: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "relu": lambda z, out: torch.clamp_min(z, 0, out=out),
    "tanh": lambda z, out: torch.tanh(z, out=out),
    "sigmoid": lambda z, out: torch.sigmoid(z, out=out),
}
# From the gradient of the output to that of the input, in place, given the output.
_ATEN = torch.ops.aten
_BACKWARD: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "relu": lambda g, y: _ATEN.threshold_backward.grad_input(g, y, 0, grad_input=g),
    "tanh": lambda g, y: _ATEN.tanh_backward.grad_input(g, y, grad_input=g),
    "sigmoid": lambda g, y: _ATEN.sigmoid_backward.grad_input(g, y, grad_input=g),
}


@dataclass(frozen=True, eq=False)
class Stack:
    """Parameters of several networks of one structure.

    Attributes:
        values: for each linear layer its weights, [model, input, output], and its biases, if it
            has any, [model, 1, output].
        slots: for each of these what the optimiser keeps, of the same shape.
    """

    values: tuple[Tensor, ...]
    slots: tuple[tuple[Tensor, ...], ...]

    def __len__(self) -> int:
        return len(self.values[0])

    def mapped(self, change: Callable[..., Tensor], *others: Stack) -> Stack:
        """Each tensor replaced by `change(tensor, *those of the others)`."""
        values = zip(self.values, *(one.values for one in others), strict=True)
        slots = zip(self.slots, *(one.slots for one in others), strict=True)
        return Stack(
            tuple(change(*each) for each in values),
            tuple(tuple(change(*s) for s in zip(*each, strict=True)) for each in slots),
        )


@dataclass(frozen=True, eq=False)
class _Product:
    """A linear layer at work: where its parameters stand, and its memory."""

    weight: int
    bias: int | None
    inputs: Tensor
    transposed: Tensor  # a view of the inputs, [model, feature, row]
    output: Tensor
    gradient: Tensor | None  # of the inputs; None where nothing trained is before
    summed: Tensor  # over the rows, the gradient of the outputs, [model, 1, output]


@dataclass(frozen=True, eq=False)
class _ByElement:
    """An activation at work; it may write over its input."""

    kind: str
    inputs: Tensor
    output: Tensor


class Workspace:
    """Memory for steps of so many networks on batches of so many rows.

    Attributes:
        inputs: of the batch, [model · row, feature]; to be filled before each step.
        losses: the cross-entropy, summed over steps, [model, row, 1].
    """

    def __init__(self, layers: Sequence[Layer], models: int, rows: int, like: Tensor) -> None:
        features = next(layer.inputs for layer in layers if isinstance(layer, Linear))
        last = like.new_empty(models, rows, features)
        self.inputs = last.flatten(0, 1)
        self._work: list[_Product | _ByElement] = []
        stands = 0
        free = True  # whether nobody needs `last` any more once an activation has seen it
        for layer in layers:
            if isinstance(layer, Linear):
                gradient = torch.empty_like(last) if stands else None
                output = like.new_empty(models, rows, layer.outputs)
                bias = stands + 1 if layer.bias else None
                views = last, last.transpose(1, 2)
                summed = like.new_empty(models, 1, layer.outputs)
                self._work.append(_Product(stands, bias, *views, output, gradient, summed))
                stands, free = stands + (2 if layer.bias else 1), True
            else:
                output = last if free else torch.empty_like(last)
                self._work.append(_ByElement(layer.kind, last, output))
                free = False
            last = output
        self._logits = last
        self._gradient = torch.empty_like(last)
        self._rows = rows
        self._ones = like.new_ones(models, 1, rows)
        self._one = like.new_ones(models, 1, 1)
        self._minus_one = like.new_full((models, rows, 1), -1)
        self.losses = like.new_zeros(models, rows, 1)

    def step(self, stack: Stack, rule: Rule, count: int, labels: Tensor) -> None:
        """Moves the parameters, in place, along the gradient on the batch in `inputs`.

        Args:
            stack: parameters of the networks.
            rule: the optimiser's.
            count: of this step, from 1.
            labels: right classes, [model, row, 1].
        """
        self._forward(stack.values)
        # The gradient of the cross-entropy is softmax, less one for the right class.
        gradient = torch.log_softmax(self._logits, -1, out=self._gradient)
        self.losses.sub_(gradient.gather(2, labels))
        gradient.exp_().scatter_add_(2, labels, self._minus_one)
        self._backward(gradient, stack, rule, count)

    def _forward(self, values: Sequence[Tensor]) -> None:
        for one in self._work:
            if isinstance(one, _ByElement):
                _FORWARD[one.kind](one.inputs, one.output)
            elif one.bias is None:
                torch.bmm(one.inputs, values[one.weight], out=one.output)
            else:
                torch.baddbmm(values[one.bias], one.inputs, values[one.weight], out=one.output)

    def _backward(self, gradient: Tensor, stack: Stack, rule: Rule, count: int) -> None:
        for one in reversed(self._work):
            if isinstance(one, _ByElement):
                _BACKWARD[one.kind](gradient, one.output)
                continue
            weight, after = stack.values[one.weight], gradient
            if one.gradient is not None:
                # Before the weight moves.
                gradient = torch.bmm(after, weight.transpose(1, 2), out=one.gradient)
            kept = stack.slots[one.weight]
            rule.step(count, self._rows, weight, kept, one.transposed, after)
            if one.bias is not None:
                # Summed first: a product with one row is added to the bias term by term, and each
                # time rounded.
                torch.bmm(self._ones, after, out=one.summed)
                bias, kept = stack.values[one.bias], stack.slots[one.bias]
                rule.step(count, self._rows, bias, kept, self._one, one.summed)
            if one.gradient is None:
                return  # nothing before it is trained
