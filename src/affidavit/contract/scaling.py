"""Units of a feature's weight: its range or its standard deviation in the data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from affidavit.data import Dataset
from affidavit.graph import Graph, ops
from affidavit.graph.builder import GraphBuilder

Normalise = Literal["range", "sigma"]


def feature_scale(dataset: Dataset, normalise: Normalise | None) -> NDArray[np.float64]:
    """What a weight of each feature is multiplied with, flat.

    `range` is the width of the data's range, `sigma` the standard deviation over all rows, None 1
    for every feature. Source: Continuous Exact Explanations, section IV-A.
    """
    count = dataset.inputs[0].size
    if normalise is None:
        return np.ones(count)
    if normalise == "range":
        width: NDArray[np.float64] = dataset.upper.astype(np.float64) - dataset.lower
        return width.reshape(-1)
    rows: NDArray[np.float64] = dataset.inputs.reshape(len(dataset), -1).astype(np.float64)
    deviation: NDArray[np.float64] = rows.std(0)
    return deviation


@dataclass(frozen=True, eq=False)
class Units:
    """A model that takes its inputs in units of each feature's range or standard deviation.

    Gradients by such inputs are in these units too: slope times range, or times deviation. A
    feature that is the same in all rows has neither; it stays where it is and weighs nothing.

    Attributes:
        graph: the model behind the change of units, in double precision.
        scale: length of a unit of each feature, in the shape of an input.
        origin: what is added, in the shape of an input: a constant feature's value, else 0.
        lower, upper: the data's range in these units.
    """

    graph: Graph
    scale: NDArray[np.float64]
    origin: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    def of(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Inputs in these units, [input, ...], of inputs as the data have them."""
        divisor = np.where(self.scale > 0, self.scale, 1.0)
        result: NDArray[np.float64] = (x.astype(np.float64) - self.origin) / divisor
        return result

    def back(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inputs as the data have them."""
        result: NDArray[np.float64] = u * self.scale + self.origin
        return result


def in_units(graph: Graph, dataset: Dataset, normalise: Normalise | None) -> Units:
    """The model in units of each feature's `range` or `sigma`, or in the data's own for None."""
    double = graph.to(dtype=torch.float64)
    shape = dataset.inputs.shape[1:]
    scale = feature_scale(dataset, normalise).reshape(shape)
    origin = np.where(scale > 0, 0.0, dataset.lower.astype(np.float64))
    if normalise is not None:
        builder = GraphBuilder(graph.input_shape, batch=2, input_name=graph.input)
        names = {*graph.tensors, *(node.name for node in graph.nodes)}
        prefix = "units"
        while any(name.startswith(f"{prefix}.") for name in names):
            prefix += "_"
        x = builder.input
        for op, values in ((ops.Mul(), scale), (ops.Add(), origin)):
            x = builder.add(
                op, x, torch.from_numpy(values), name=f"{prefix}.{type(op).__name__.lower()}"
            )
        double = builder.append(double, x)
    units = Units(double, scale, origin, origin, origin)
    lower, upper = units.of(dataset.lower), units.of(dataset.upper)
    return dataclasses.replace(units, lower=lower, upper=upper)
