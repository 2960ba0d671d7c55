"""Superpixels: an image cut into patches of similar colour."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def grid(image: Tensor, segments: int) -> Tensor:
    """Rectangles, about as many as asked for and nearly square: labels [height, width].

    Args:
        image: [channel, height, width].
        segments: how many, about; at most one a pixel.
    """
    height, width = image.shape[1:]
    rows, columns = _cells(height, width, segments)
    down = torch.arange(height, device=image.device) * rows // height
    along = torch.arange(width, device=image.device) * columns // width
    return down[:, None] * columns + along


def slic(image: Tensor, segments: int, compactness: float = 10.0, iterations: int = 10) -> Tensor:
    """Clusters of colour and place around the cells of a grid: labels [height, width] from 0.

    Each pixel belongs to the nearest of the nine clusters around it, by
    `‖colour‖² + (compactness / spacing)² ‖place‖²`; clusters move to their mean, a few times over.
    RGB is compared in CIELAB, other images by 100 times their values. A cluster may have a few
    pixels apart from the rest; those that lost all pixels get no label.

    Args:
        image: [channel, height, width], in [0, 1].
        segments: how many clusters, about.
        compactness: weight of place against colour.

    Source: Achanta et al. 2012, without the step that joins pixels that lie apart.
    """
    height, width = image.shape[1:]
    rows, columns = _cells(height, width, segments)
    labels = grid(image, segments)
    spacing = math.sqrt(height * width / (rows * columns))
    place = torch.stack(torch.meshgrid(*map(torch.arange, (height, width)), indexing="ij"))
    features = torch.cat([_colours(image), compactness / spacing * place.to(image)]).flatten(1)
    candidates = _neighbours(labels, rows, columns).flatten(1)
    current = labels.flatten()
    centres = features.new_zeros(len(features), rows * columns)
    for _ in range(iterations):
        counts = torch.bincount(current, minlength=rows * columns)
        sums = torch.zeros_like(centres).index_add_(1, current, features)
        # A cluster without pixels stays where it was.
        centres = torch.where(counts > 0, sums / counts.clamp_min(1), centres)
        distances = torch.stack(
            [(features - centres[:, each]).square().sum(0) for each in candidates]
        )
        current = candidates.gather(0, distances.argmin(0)[None])[0]
    # Without the numbers of clusters that lost all pixels.
    used = torch.bincount(current, minlength=rows * columns) > 0
    return (used.cumsum(0) - 1)[current].reshape(height, width)


def _cells(height: int, width: int, segments: int) -> tuple[int, int]:
    """Rows and columns of a grid of about so many nearly square cells."""
    rows = min(height, max(1, round(math.sqrt(segments * height / width))))
    return rows, min(width, max(1, round(segments / rows)))


def _neighbours(labels: Tensor, rows: int, columns: int) -> Tensor:
    """The cell of each pixel and the eight around it, the nearest inside at borders, [9, h, w]."""
    row, column = labels // columns, labels % columns
    return torch.stack([
        (row + down).clamp(0, rows - 1) * columns + (column + along).clamp(0, columns - 1)
        for down, along in ((0, 0), (0, -1), (0, 1), (-1, -1), (-1, 0), (-1, 1), (1, -1), (1, 0),
                            (1, 1))
    ])  # fmt: skip


def _colours(image: Tensor) -> Tensor:
    """CIELAB of sRGB (white point D65), or the image itself on the same scale."""
    if len(image) != 3:
        return 100 * image
    linear = torch.where(
        image <= 0.04045, image / 12.92, ((image.clamp_min(0) + 0.055) / 1.055) ** 2.4
    )
    to_xyz = image.new_tensor([
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ])  # fmt: skip
    xyz = torch.einsum("ij,jhw->ihw", to_xyz, linear) / to_xyz.sum(1)[:, None, None]
    delta = 6 / 29
    f = torch.where(xyz > delta**3, xyz.clamp_min(1e-12) ** (1 / 3), xyz / (3 * delta**2) + 4 / 29)
    return torch.stack([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
