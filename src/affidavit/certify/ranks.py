"""Which features can, and which must, be among the k of largest |gradient|."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from affidavit.certify.certificates import ends
from affidavit.errors import DomainError
from affidavit.graph import Interval


def outside_top(bounds: Interval, features: Sequence[int] | Tensor, k: int) -> Tensor:
    """Whether none of the features can be among the k of largest |gradient|, by input.

    Args:
        bounds: of gradients, [batch, *input_shape].
        features: places in the flattened input.
        k: how many features make up the top.

    Returns:
        Booleans, [batch]. A feature that can be as large as the k-th largest counts as inside.

    Raises:
        DomainError: features or a k that the input does not have, or bounds that are not finite.

    Guarantee: `exact` for these bounds. Source: Wicker et al. 2022, section 6.1.
    """
    least, most = _sizes(bounds)
    chosen = _features(features, k, least)
    # Most in favour of a feature: it at its largest, all others at their least. It is no rival of
    # its own, as its least is never above its largest.
    rivals = (least[:, None, :] > most[:, chosen, None]).sum(2)
    return (rivals >= k).all(1)


def inside_top(bounds: Interval, features: Sequence[int] | Tensor, k: int) -> Tensor:
    """Whether each of the features is surely among the k of largest |gradient|, by input.

    Arguments, errors and guarantee as of :func:`outside_top`. A feature that another one can be as
    large as is not surely before it; ties among listed features harm only where all do not fit.
    """
    least, most = _sizes(bounds)
    chosen = _features(features, k, least)
    # Least in favour of a feature; it is counted among its own rivals.
    rivals = (most[:, None, :] >= least[:, chosen, None]).sum(2)
    return (rivals <= k).all(1)


def _sizes(bounds: Interval) -> tuple[Tensor, Tensor]:
    """Bounds of |gradient|, [batch, feature]: comparisons only, nothing is rounded."""
    lower, upper = (end.flatten(1) for end in ends(bounds))
    least = torch.clamp(torch.maximum(lower, -upper), min=0)
    return least, torch.maximum(-lower, upper)


def _features(features: Sequence[int] | Tensor, k: int, sizes: Tensor) -> Tensor:
    n = sizes.shape[1]
    if isinstance(k, bool) or not 1 <= k <= n:
        raise DomainError(f"k is {k!r}; expected a number of features from 1 to {n}")
    chosen = torch.as_tensor(features, device=sizes.device)
    if chosen.numel() == 0:
        raise DomainError("no features are given; expected at least one")
    if chosen.dtype.is_floating_point or chosen.dtype == torch.bool or chosen.ndim != 1:
        raise DomainError("features must be a list of whole numbers, places in the flattened input")
    if bool(((chosen < 0) | (chosen >= n)).any()):
        worst = int(chosen.min() if bool((chosen < 0).any()) else chosen.max())
        raise DomainError(f"there is no feature {worst}: the input has {n}")
    return chosen.long()
