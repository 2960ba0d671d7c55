"""What stands where part of an input is hidden."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from affidavit.errors import DomainError, nearest

Range: TypeAlias = tuple[float, float]
FillIn: TypeAlias = Callable[[Tensor, Range, int], Tensor]

# Of the shorter side. At 224 pixels, 10: little of what a photograph shows is left.
_BLUR = 10 / 224
_NEAR = 4


def fill_in(name: str, pixels: Tensor, data_range: Range = (0.0, 1.0), seed: int = 0) -> Tensor:
    """What to put where `pixels` are hidden, of their shape, inside the data range.

    Args:
        name: an entry of :data:`FILL_INS`.
        pixels: inputs [batch, channel, ...] inside the range.
        data_range: least and greatest value of a pixel.
        seed: of what is drawn. What an input gets does not depend on the others in the batch.

    Raises DomainError for an unknown name.
    """
    if name not in FILL_INS:
        known = ", ".join(FILL_INS)
        raise DomainError(f"there is no fill-in {name!r}{nearest(name, FILL_INS)}; known: {known}")
    return FILL_INS[name](pixels, data_range, seed)


def gaussian_blur(values: Tensor, deviation: float) -> Tensor:
    """Every axis after the second convolved with a Gaussian; beyond the edges its values repeat.

    Args:
        values: [batch, channel, ...] with one or two axes more.
        deviation: of the Gaussian, in pixels; 0 leaves the values as they are.
    """
    reach = math.ceil(_NEAR * deviation)
    if reach == 0:
        return values
    at = torch.arange(-reach, reach + 1, dtype=values.dtype, device=values.device)
    weights = torch.exp(-0.5 * (at / deviation) ** 2)
    weights = weights / weights.sum()
    for axis in range(2, values.ndim):
        lines = values.movedim(axis, -1)
        flat = lines.reshape(-1, 1, lines.shape[-1])
        padded = F.pad(flat, (reach, reach), mode="replicate")
        values = F.conv1d(padded, weights[None, None]).reshape(lines.shape).movedim(-1, axis)
    return values


def _black(pixels: Tensor, data_range: Range, seed: int) -> Tensor:
    return torch.full_like(pixels, data_range[0])


def _grey(pixels: Tensor, data_range: Range, seed: int) -> Tensor:
    return torch.full_like(pixels, sum(data_range) / 2)


def _mean(pixels: Tensor, data_range: Range, seed: int) -> Tensor:
    axes = tuple(range(2, pixels.ndim)) or (1,)
    return pixels.mean(axes, keepdim=True).expand_as(pixels).clone()


def _blur(pixels: Tensor, data_range: Range, seed: int) -> Tensor:
    if pixels.ndim == 2:
        return _mean(pixels, data_range, seed)
    return gaussian_blur(pixels, _BLUR * min(pixels.shape[2:])).clamp(*data_range)


def _line(pixels: Tensor, data_range: Range, seed: int) -> Tensor:
    if pixels.ndim == 2:
        return _mean(pixels, data_range, seed)
    first, last = pixels[..., :1], pixels[..., -1:]
    return first + (last - first) * torch.linspace(0, 1, pixels.shape[-1]).to(pixels)


def _own_noise(pixels: Tensor, data_range: Range, seed: int) -> Tensor:
    axes = tuple(range(2, pixels.ndim)) or (1,)
    mean = pixels.mean(axes, keepdim=True)
    spread = (pixels - mean).square().mean(axes, keepdim=True).sqrt()
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(pixels.shape[1:], generator=generator, dtype=torch.float64)
    return (mean + spread * drawn.to(pixels)).clamp(*data_range)


def _noise(pixels: Tensor, data_range: Range, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    # One draw for all, on the CPU in one dtype: neither batch nor device changes it.
    drawn = torch.rand(pixels.shape[1:], generator=generator, dtype=torch.float64)
    lower, upper = data_range
    found = (lower + (upper - lower) * drawn).to(pixels.device, pixels.dtype)
    return found.expand_as(pixels).clone()


FILL_INS: Mapping[str, FillIn] = MappingProxyType(
    {
        "black": _black,
        "grey": _grey,
        "mean": _mean,
        "blur": _blur,
        "line": _line,
        "noise": _noise,
        "own_noise": _own_noise,
    }
)
"""What each fill-in is: `black`, the lower end of the range; `grey`, its middle; `mean`, each
image's mean in each channel; `blur`, the image under a Gaussian of 10/224 of its shorter side, on
signals a local mean; `line`, straight between the two ends of a signal (of each line of an image);
`noise`, uniform over the range, the same for all images; `own_noise`, Gaussian with the mean and
the spread of the input's own channel. Features of a row [batch, feature] follow no order: `blur`
and `line` are there the row's mean. What tables and texts put in place of what is hidden comes
from data: see :mod:`affidavit.attribution.reference`."""
