"""The penalties on mask weights, each with its gradient in closed form.

Weights are [batch, ...] with any number of axes after the batch; values are per image, [batch].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from affidavit.attribution.neuromask.presets import Kernel, Reduction, Roughness


def sparsity(weights: Tensor, tau: float, reduction: Reduction) -> tuple[Tensor, Tensor]:
    """`|W + τ|`, summed or averaged, [batch]; and its gradient (0 where W = -τ)."""
    shifted = weights + tau
    share = 1.0 if reduction == "sum" else 1 / weights[:1].numel()
    return shifted.abs().flatten(1).sum(1) * share, shifted.sign_().mul_(share)


def smoothness(
    weights: Tensor, kernel: Kernel, roughness: Roughness, reduction: Reduction
) -> tuple[Tensor, Tensor]:
    """`|L∗W|` or its square, summed or averaged over the places where the kernel fits.

    An axis too short for the kernel has no such place: the penalty is then 0.

    Returns:
        The values, [batch]; the gradient, of the shape of the weights.
    """
    reach = _REACH[kernel]
    if min(weights.shape[1:]) < 2 * reach + 1:
        return weights.new_zeros(len(weights)), torch.zeros_like(weights)
    laplacian = LAPLACIANS[kernel]
    rough = laplacian(weights)
    share = 1.0 if reduction == "sum" else 1 / rough[:1].numel()
    if roughness == "absolute":
        value, slope = rough.abs().flatten(1).sum(1), rough.sign_()
    else:
        value, slope = rough.square().flatten(1).sum(1), rough.mul_(2)
    # The kernels are symmetric: the adjoint is the same convolution of the zero-padded values.
    padded = F.pad(slope, (2 * reach,) * (2 * (weights.ndim - 1)))
    return value * share, laplacian(padded).mul_(share)


def _five_point(values: Tensor) -> Tensor:
    axes = range(1, values.ndim)
    found = values[_inner(values, 1)] * (2 * len(axes))
    for axis in axes:
        for shift in (0, 2):
            index = list(_inner(values, 1))
            index[axis] = slice(shift, values.shape[axis] - 2 + shift)
            found -= values[tuple(index)]
    return found


def _box(values: Tensor, reach: int) -> Tensor:
    width = 2 * reach + 1
    total = values
    for axis in range(1, values.ndim):
        room = values.shape[axis] - 2 * reach
        # Sums along one axis after the other: 2 · width additions where the kernel has width².
        parts = [total.narrow(axis, shift, room) for shift in range(width)]
        total = parts[0] + parts[1]
        for part in parts[2:]:
            total += part
    count = width ** (values.ndim - 1)
    return torch.sub(values[_inner(values, reach)] * count, total)


def _inner(values: Tensor, reach: int) -> tuple[slice, ...]:
    return (slice(None), *(slice(reach, size - reach) for size in values.shape[1:]))


_REACH: Mapping[Kernel, int] = MappingProxyType({"five_point": 1, "box3": 1, "box5": 2})

LAPLACIANS: Mapping[Kernel, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "five_point": _five_point,
        "box3": lambda values: _box(values, 1),
        "box5": lambda values: _box(values, 2),
    }
)
"""The convolution with each kernel, without padding."""
