"""The sets that an adversary may choose from: boxes of inputs and boxes of weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from affidavit.errors import DomainError, ModelError, nearest
from affidavit.graph import Graph, Interval
from affidavit.graph.intervals.ball import Ball
from affidavit.graph.intervals.interval import is_finite, limits, outward

Size: TypeAlias = float | Tensor
Range: TypeAlias = tuple[float | Tensor, float | Tensor]


def input_box(x: Tensor, epsilon: Size = 0.0, data_range: Range | None = None) -> Interval:
    """The inputs within `epsilon` of each of a batch, clipped to the range of the data.

    Args:
        x: inputs, [batch, *input_shape], finite.
        epsilon: half of the box's width, at least 0: one number, or a tensor that broadcasts to
            x (per feature, per input or both).
        data_range: least and greatest value of a feature, each a number or a tensor that
            broadcasts to x. The inputs themselves must lie within.

    Raises:
        DomainError: a negative, infinite or NaN size, a shape that does not broadcast, an input
            outside the range, or one that is not finite; a box that overflows.
    """
    if not is_finite(x):
        raise DomainError("the input holds NaN or infinite entries: there is no box around them")
    radius = _sizes("epsilon", epsilon, x)
    if not bool((radius > 0).any()):
        box = Interval.point(x)
    elif radius.ndim == 0 and data_range is None:
        if x.numel():
            least, most = torch.aminmax(x)
            _check_finite(Ball(least, radius).lower, Ball(most, radius).upper)
        return Ball(x, radius)
    else:
        # A sum is rounded by less than a step: the ends may not lie within what was asked for.
        far = x.new_tensor(math.inf)
        box = Interval(torch.nextafter(x - radius, -far), torch.nextafter(x + radius, far))
        if not bool((radius > 0).all()):
            fixed = radius == 0
            box = Interval(torch.where(fixed, x, box.lower), torch.where(fixed, x, box.upper))
    if data_range is None:
        if not box.is_point:
            _check_finite(box.lower, box.upper)
        return box
    least, most = (
        _broadcast("data_range", end, x, sign)
        for end, sign in zip(data_range, (-1, 1), strict=True)
    )
    if bool(((x < least) | (x > most)).any()):
        raise DomainError(
            f"the input leaves the range of the data: it spans [{float(x.min()):g},"
            f" {float(x.max()):g}]; expected within data_range"
        )
    if box.is_point:
        return box
    box = Interval(torch.maximum(box.lower, least), torch.minimum(box.upper, most))
    _check_finite(box.lower, box.upper)
    return box


def _check_finite(lower: Tensor, upper: Tensor) -> None:
    if not is_finite(lower, upper):
        raise DomainError(
            f"the box overflows in {lower.dtype}: an input or epsilon is too large for it"
        )


def weight_boxes(
    graph: Graph,
    gamma: float | Mapping[str, float] = 0.0,
    params: Mapping[str, Tensor] | None = None,
) -> dict[str, Interval]:
    """`[W − γ|W|, W + γ|W|]` around every parameter, biases and batch-norm scales among them.

    Args:
        graph: the network, not simplified: γ boxes the model's own parameters.
        gamma: relative size at least 0, of all parameters or by the parameter's name (those not
            named keep their value).
        params: live tensors in place of the graph's own, as training needs.

    Raises:
        DomainError: a negative, infinite or NaN γ.
        ModelError: γ names no parameter.
    """
    sizes = gamma if isinstance(gamma, Mapping) else dict.fromkeys(graph.parameters, gamma)
    for name, size in sizes.items():
        if name not in graph.parameters:
            raise ModelError(
                f"gamma: the model has no parameter {name!r}{nearest(name, graph.parameters)}"
            )
        if not (isinstance(size, int | float) and 0 <= size < math.inf):
            raise DomainError(f"gamma is {size!r}; expected a finite number of at least 0")
    tensors = {**graph.tensors, **(params or {})}
    boxes = {name: Interval.point(tensor) for name, tensor in (params or {}).items()}
    for name, size in sizes.items():
        if size > 0:
            weight = tensors[name]
            # Rounded up on its own: where γ is near 1 it is large beside what is left of W.
            radius = outward(weight.abs() * size, weight.abs() * size, 2).upper
            boxes[name] = outward(weight - radius, weight + radius, 0)
    return boxes


def _sizes(name: str, size: Size, x: Tensor) -> Tensor:
    radius = _broadcast(name, size, x, 1)
    if not bool((torch.isfinite(radius) & (radius >= 0)).all()):
        worst = float(radius.min()) if bool(torch.isfinite(radius).all()) else "not finite"
        raise DomainError(f"{name} is {worst} somewhere; expected finite numbers of at least 0")
    return radius


def _broadcast(name: str, value: Size, x: Tensor, sign: int) -> Tensor:
    """A number or tensor in the dtype of x, rounded up for a sign of 1, down for one of -1."""
    # PyTorch would take a number for a float32.
    given = value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)
    exact = given.to(x.device) if given.is_floating_point() else given.to(x.device, torch.float64)
    tensor = exact.to(x.dtype)
    if tensor.dtype != exact.dtype:
        eps, tiny = limits(tensor)
        moved = tensor + sign * (tensor.abs() * eps + tiny)
        tensor = torch.where(sign * tensor.to(torch.float64) < sign * exact, moved, tensor)
    try:
        tensor.expand(x.shape)
    except RuntimeError:
        raise DomainError(
            f"{name} has the shape {list(tensor.shape)}, which does not broadcast to the input's"
            f" {list(x.shape)}"
        ) from None
    return tensor
