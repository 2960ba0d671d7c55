"""How few pixels carry an attribution."""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.attribution.evaluation.inputs import check_attribution


def gini(attribution: Tensor) -> Tensor:
    """Gini index of the sizes of an attribution, [batch].

    0 where all places count alike (or none at all), `1 - 1/n` where one of n does all. With sizes
    in rising order, `Σ_k (2k - n - 1) a_k / (n Σ a)`.

    Args:
        attribution: [batch, height, width], or of other places.

    Raises DataError for another shape or NaN.

    Source: Hurley and Rickard 2009; Chalasani et al. 2020, for attributions.
    """
    check_attribution(attribution, axes=None)
    sizes = attribution.flatten(1).abs().double().sort(dim=1).values
    n = sizes.shape[1]
    weights = 2 * torch.arange(1, n + 1, device=sizes.device, dtype=sizes.dtype) - n - 1
    total = sizes.sum(1)
    return torch.where(total > 0, sizes @ weights / (n * total.clamp_min(1e-300)), 0.0)


def mask_area(mask: Tensor) -> Tensor:
    """Mean of a mask in [0, 1], [batch]: the share of the places that it keeps.

    Raises DataError for another shape, or values outside [0, 1].
    """
    check_attribution(mask, axes=None)
    if mask.numel() and (float(mask.min()) < 0 or float(mask.max()) > 1):
        from affidavit.errors import DataError

        raise DataError(
            f"the mask ranges over [{float(mask.min()):g}, {float(mask.max()):g}]; expected values"
            " in [0, 1]: other attributions have no area"
        )
    return mask.double().flatten(1).mean(1)
