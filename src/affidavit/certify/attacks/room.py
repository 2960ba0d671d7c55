"""The boxes of :mod:`affidavit.certify.boxes`, rounded inward.

Certificates round a box outward, so that nothing of it is left out. What an adversary is given is
rounded the other way: each point is within what was allowed, in real numbers, and so within
the box of every certificate for the same sizes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from affidavit.certify.boxes import Range, Size, input_box, weight_boxes
from affidavit.errors import DomainError
from affidavit.graph import Graph, Interval


def input_room(x: Tensor, epsilon: Size, data_range: Range | None) -> Interval:
    """The inputs that an adversary may choose, [batch, *input_shape], around each of a batch.

    Raises:
        DomainError: see :func:`affidavit.certify.boxes.input_box`; a dtype that is neither
            float32 nor float64.
    """
    if x.dtype not in (torch.float32, torch.float64):
        raise DomainError(f"the input has the dtype {x.dtype}; expected float32 or float64")
    input_box(x, epsilon, data_range)  # for its checks
    radius = torch.as_tensor(epsilon, dtype=torch.float64, device=x.device)
    room = _inward(x, radius)
    if data_range is None:
        return room
    least, most = (torch.as_tensor(e, dtype=torch.float64, device=x.device) for e in data_range)
    least, most = _not_below(least, x.dtype), -_not_below(-most, x.dtype)
    lower = torch.minimum(torch.maximum(room.lower, least), x)
    return Interval(lower, torch.maximum(torch.minimum(room.upper, most), x))


def room(
    graph: Graph,
    x: Tensor,
    *,
    epsilon: Size = 0.0,
    gamma: float | Mapping[str, float] = 0.0,
    data_range: Range | None = None,
) -> dict[str, Interval]:
    """What an adversary may choose, by name: the inputs if they vary, and the weights that do.

    Raises:
        DomainError, ModelError: as of :func:`input_room` and :func:`weight_room`.
    """
    box = input_room(x, epsilon, data_range)
    moves = bool((box.lower < box.upper).any())
    return {**({graph.input: box} if moves else {}), **weight_room(graph, gamma, x)}


def weight_room(graph: Graph, gamma: float | Mapping[str, float], x: Tensor) -> dict[str, Interval]:
    """The weights that an adversary may choose, by name: those that vary, [1, *shape].

    They have the dtype of x, as the network's evaluation has.

    Raises:
        DomainError, ModelError: see :func:`affidavit.certify.boxes.weight_boxes`.
    """
    found = {}
    for name in weight_boxes(graph, gamma):
        size = gamma[name] if isinstance(gamma, Mapping) else gamma
        weight = graph.tensors[name].detach().to(x.device, torch.float64)[None]
        if size > 0 and name in graph.parameters:
            radius = torch.nextafter(weight.abs() * size, torch.zeros_like(weight))
            found[name] = _inward(weight, radius, x.dtype)
    return found


def _inward(center: Tensor, radius: Tensor, dtype: torch.dtype | None = None) -> Interval:
    """The numbers of a dtype within a radius of a centre: at least the centre, as it is cast."""
    dtype = dtype or center.dtype
    kept = center.to(dtype)
    wide = center.to(torch.float64)
    # Computed and cast, an end is off by less than the step that it is then moved by.
    lower = torch.nextafter((wide - radius).to(dtype), torch.full_like(kept, torch.inf))
    upper = torch.nextafter((wide + radius).to(dtype), torch.full_like(kept, -torch.inf))
    return Interval(torch.minimum(lower, kept), torch.maximum(upper, kept))


def _not_below(end: Tensor, dtype: torch.dtype) -> Tensor:
    """The least number of a dtype that is at least as large."""
    near = end.to(dtype)
    return torch.where(near < end, torch.nextafter(near, torch.full_like(near, torch.inf)), near)
