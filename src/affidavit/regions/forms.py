"""Values of a graph as affine functions of chosen variables, carried through its affine ops."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affidavit.graph import ops
from affidavit.graph.interpreter import evaluate
from affidavit.regions.milp_program import Row


@dataclass(frozen=True, eq=False)
class Form:
    """A value of one input, affine in variables: `constant + sum_j slopes[j] * x[columns[j]]`.

    Attributes:
        constant: the value where the variables are zero, in the value's shape. Padding of a
            max-pool is minus infinity.
        columns: the variables it may depend on, ascending, shape [variable], at least one.
        slopes: shape [variable, *the value's].
    """

    constant: Tensor
    columns: np.ndarray
    slopes: Tensor

    def over(self, columns: np.ndarray) -> Tensor:
        """The slopes over more variables."""
        if len(columns) == len(self.columns):
            return self.slopes
        wide = self.slopes.new_zeros((len(columns), *self.slopes.shape[1:]))
        wide[torch.from_numpy(np.searchsorted(columns, self.columns))] = self.slopes
        return wide

    def rows(self) -> list[Row]:
        """The entries, in row-major order, each without the variables it does not depend on."""
        slopes = self.slopes.flatten(1).T.numpy()
        constants = self.constant.flatten().tolist()
        found = []
        for weights, constant in zip(slopes, constants, strict=True):
            kept = np.flatnonzero(weights)
            found.append(Row(self.columns[kept], weights[kept].copy(), constant))
        return found


def assemble(rows: Sequence[Row], shape: Sequence[int]) -> Form:
    """The form of a shape whose entries, in row-major order, are the given functions."""
    columns = np.unique(np.concatenate([row.columns for row in rows]))
    if not len(columns):
        columns = np.zeros(1, np.int64)
    slopes = np.zeros((len(columns), len(rows)))
    for place, row in enumerate(rows):
        slopes[np.searchsorted(columns, row.columns), place] = row.weights
    constant = torch.tensor([row.constant for row in rows], dtype=torch.float64)
    return Form(
        constant.reshape(*shape), columns, torch.from_numpy(slopes).reshape(len(columns), *shape)
    )


def push(op: ops.Op, operands: Sequence[Form | Tensor]) -> Form:
    """The value of an affine op at forms and constants.

    The variables take the place of the batch: one evaluation of the op without its constant part
    at all slopes, and one of the whole op at the constants.
    """
    columns = np.unique(np.concatenate([o.columns for o in operands if isinstance(o, Form)]))
    values = [o.constant[None] if isinstance(o, Form) else o for o in operands]
    tangents = [o.over(columns) if isinstance(o, Form) else None for o in operands]
    constant = evaluate(op, *values)
    slopes = evaluate(_without_constant(op), *_linear_part(op, values, tangents))
    moving = (slopes != 0).flatten(1).any(1).numpy()
    moving[0] |= not moving.any()
    return Form(constant[0], columns[moving], slopes[torch.from_numpy(moving)])


def _without_constant(op: ops.Op) -> ops.Op:
    return dataclasses.replace(op, value=0.0) if isinstance(op, ops.Pad) else op


def _linear_part(op: ops.Op, values: list[Tensor], tangents: list[Tensor | None]) -> list[Tensor]:
    """Operands of the op's linear part: slopes, and constants unless they are added."""
    operands = [v if t is None else t for v, t in zip(values, tangents, strict=True)]
    if isinstance(op, ops.Linear | ops.Conv):
        return operands[:2]
    if isinstance(op, ops.BatchNorm):
        x, scale, shift, mean, variance = operands
        return [x, scale, torch.zeros_like(shift), torch.zeros_like(mean), variance]
    if isinstance(op, ops.Add | ops.Sub):
        none = [torch.zeros_like(value) for value in values]
        return [n if t is None else t for n, t in zip(none, tangents, strict=True)]
    return operands
