"""How alike two attributions of an image are."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from affidavit.attribution.evaluation.inputs import check_attribution
from affidavit.attribution.fill_ins import gaussian_blur
from affidavit.errors import DataError


def rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Spearman's correlation of two attributions, pixel by pixel, [batch], in [-1, 1].

    Ties share their mean rank. NaN where one of the two is constant.

    Args:
        first, second: [batch, height, width].

    Raises DataError for shapes that differ, or NaN.
    """
    _check(first, second)
    if len(first) == 0:
        return torch.zeros(0, dtype=torch.float64)
    a, b = (
        torch.from_numpy(np.asarray(rankdata(one.detach().cpu().flatten(1).numpy(), axis=1)))
        for one in (first, second)
    )
    a, b = (ranked - ranked.mean(1, keepdim=True) for ranked in (a, b))
    return (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()


def structural_similarity(first: Tensor, second: Tensor, deviation: float = 1.5) -> Tensor:
    """Mean SSIM of two attributions, each brought to [0, 1] first, [batch], in [-1, 1].

    A constant attribution becomes 0. Local means are under a Gaussian; beyond the edges values
    repeat.

    Args:
        first, second: [batch, height, width].
        deviation: of the Gaussian, in pixels.

    Raises DataError for shapes that differ, or NaN.

    Source: Wang et al. 2004, equation 13, with their constants.
    """
    _check(first, second)
    a, b = (_to_unit(one.double())[:, None] for one in (first, second))
    mean_a, mean_b = gaussian_blur(a, deviation), gaussian_blur(b, deviation)
    var_a = gaussian_blur(a * a, deviation) - mean_a.square()
    var_b = gaussian_blur(b * b, deviation) - mean_b.square()
    both = gaussian_blur(a * b, deviation) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    alike = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    size = (mean_a.square() + mean_b.square() + c1) * (var_a + var_b + c2)
    return (alike / size).flatten(1).mean(1)


def _to_unit(values: Tensor) -> Tensor:
    least, most = values.amin((1, 2), keepdim=True), values.amax((1, 2), keepdim=True)
    return torch.where(most > least, (values - least) / (most - least).clamp_min(1e-300), 0.0)


def _check(first: Tensor, second: Tensor) -> None:
    check_attribution(first)
    check_attribution(second)
    if first.shape != second.shape:
        raise DataError(
            f"the attributions have the shapes {list(first.shape)} and {list(second.shape)};"
            " expected the same"
        )
