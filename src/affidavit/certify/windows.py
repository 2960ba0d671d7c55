"""Windows of a pooling op: which entries each one sees, overlapping or not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from affidavit.graph import Interval, ops


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of a max pool over inputs of one spatial size.

    Attributes:
        index: entry of the flattened space that each window sees, [window, place]; 0 where it sees
            padding.
        seen: whether it is an entry rather than padding, [window, place].
        size: entries of the flattened space.
        overlap: most windows that one entry is in.
    """

    index: Tensor
    seen: Tensor
    size: int
    overlap: int

    def gather(self, x: Tensor, padding: float) -> Tensor:
        """Entries by window, [batch, channel, window, place], of x [batch, channel, *space]."""
        found = x.flatten(2)[:, :, self.index]
        return found.masked_fill(~self.seen, padding)

    def scatter(self, y: Tensor) -> Tensor:
        """Sum of what each entry gets from its windows, [batch, channel, entry]: the transpose."""
        y = y.masked_fill(~self.seen, 0).flatten(2)
        zero = torch.zeros((*y.shape[:2], self.size), dtype=y.dtype, device=y.device)
        return zero.index_add(2, self.index.flatten(), y)

    def gates(self, x: Interval) -> Interval:
        """Share of a window's cotangent that each place takes: 1 where it is surely the largest,
        0 where it surely is not, else [0, 1]. [batch, channel, window, place]."""
        lower, upper = (self.gather(end, -math.inf) for end in (x.lower, x.upper))
        best = lower.amax(-1, keepdim=True)
        never = upper < best
        if upper.shape[-1] == 1:
            always = torch.ones_like(never)
        else:
            first = upper.topk(2, dim=-1)
            place = torch.arange(upper.shape[-1], device=upper.device)
            others = torch.where(
                place == first.indices[..., :1], first.values[..., 1:], first.values[..., :1]
            )
            always = lower > others
        never = never | ~self.seen
        return Interval(always.to(x.lower.dtype), (~never).to(x.lower.dtype))


@lru_cache(maxsize=64)
def of(op: ops.MaxPool, size: tuple[int, ...], device: torch.device) -> Windows:
    """The windows of an op over inputs of a spatial size."""
    # They are kept for all calls: made in inference mode, they would be of no use to autograd.
    with torch.inference_mode(False):
        return _of(op, size, device)


def _of(op: ops.MaxPool, size: tuple[int, ...], device: torch.device) -> Windows:
    index = torch.zeros((1, 1), dtype=torch.long)
    seen = torch.ones((1, 1), dtype=torch.bool)
    overlap = 1
    for axis, length in enumerate(size):
        kernel, stride = op.kernel[axis], op.stride[axis]
        padding, dilation = op.padding[axis], op.dilation[axis]
        reach = dilation * (kernel - 1) + 1
        steps = (length + 2 * padding - reach) / stride
        count = (math.ceil(steps) if op.ceil_mode else math.floor(steps)) + 1
        if op.ceil_mode and (count - 1) * stride >= length + padding:
            count -= 1  # a window that starts in the padding behind is left out
        start = torch.arange(count)[:, None] * stride - padding
        place = start + torch.arange(kernel)[None] * dilation
        inside = (place >= 0) & (place < length)
        place = place.clamp(0, length - 1)
        index = index[:, None, :, None] * length + place[None, :, None, :]
        seen = seen[:, None, :, None] & inside[None, :, None, :]
        index, seen = (t.flatten(2).flatten(0, 1) for t in (index, seen))
        overlap *= math.ceil(kernel / stride) if dilation == 1 else kernel
    index = index.masked_fill(~seen, 0)
    return Windows(index.to(device), seen.to(device), math.prod(size), overlap)
