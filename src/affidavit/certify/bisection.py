"""The largest perturbation that is certified, input by input."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from affidavit.errors import DomainError


def largest_certified(
    certify: Callable[[float], Tensor], most: float, *, steps: int = 20
) -> Tensor:
    """The largest ε or γ that was seen to be certified, by bisection for each input.

    Args:
        certify: whether each input is certified at a size, [batch]. It is called for sizes in
            [0, most], once for all inputs that ask for the same.
        most: the largest size of interest; inputs certified there are not looked at further.
        steps: bisections; sizes are told apart to `most / 2^steps`.

    Returns:
        Sizes, [batch], float64; -inf where not even 0 is certified. Where certificates get lost
        for good as the size grows, the largest certified size is less than `most / 2^steps` above.

    Raises:
        DomainError: a size or a number of steps without meaning.

    Guarantee: that of the certifier, monotone or not: the size returned is one that it certified.
    """
    _check(most, steps)
    through = certify(float(most)).to(torch.bool)
    known = {float(most): through}

    def each(sizes: Tensor) -> Tensor:
        certified = torch.zeros_like(through)
        for size in torch.unique(sizes[~sizes.isnan()]).tolist():
            asked = sizes == size
            answer = known[size] if size in known else certify(size).to(torch.bool)
            certified[asked] = answer[asked]
        return certified

    return largest_each(each, len(through), most, steps=steps, device=through.device)


def largest_each(
    certify: Callable[[Tensor], Tensor],
    count: int,
    most: float,
    *,
    steps: int = 20,
    device: torch.device | str = "cpu",
) -> Tensor:
    """The same for a certifier that takes a size for each input, as boxes of inputs allow.

    Args:
        certify: whether each input is certified at its size, [batch], given sizes [batch] in
            [0, most]; NaN where it is not asked.
        count: number of inputs.
        most, steps: as of :func:`largest_certified`, with its results, errors and guarantee.
        device: of the sizes.
    """
    _check(most, steps)
    high = torch.full((count,), float(most), dtype=torch.float64, device=device)
    through = certify(high).to(torch.bool)
    found = torch.where(through, high, -math.inf)
    active = ~through
    if most == 0 or not bool(active.any()):
        return found
    zero = torch.where(active, 0.0, torch.nan).to(high)
    active &= certify(zero).to(torch.bool)
    found[active] = 0.0
    for _ in range(steps if bool(active.any()) else 0):
        middle = torch.where(active, found / 2 + high / 2, torch.nan)
        certified = certify(middle).to(torch.bool)
        found = torch.where(active & certified, middle, found)
        high = torch.where(active & ~certified, middle, high)
    return found


def _check(most: float, steps: int) -> None:
    if not (math.isfinite(most) and most >= 0):
        raise DomainError(f"most is {most!r}; expected a finite size of at least 0")
    if steps < 0:
        raise DomainError(f"steps is {steps}; expected at least 0")
