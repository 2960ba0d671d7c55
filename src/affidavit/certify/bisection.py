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
    if not (math.isfinite(most) and most >= 0):
        raise DomainError(f"most is {most!r}; expected a finite size of at least 0")
    if steps < 0:
        raise DomainError(f"steps is {steps}; expected at least 0")
    all_through = certify(float(most)).to(torch.bool)
    found = torch.full_like(all_through, -math.inf, dtype=torch.float64)
    found[all_through] = most
    high = torch.full_like(found, most)
    if bool(all_through.all()) or most == 0:
        return found
    at_zero = certify(0.0).to(torch.bool)
    found[at_zero & ~all_through] = 0.0
    active = at_zero & ~all_through
    for _ in range(steps if bool(active.any()) else 0):
        middle = torch.where(active, found / 2 + high / 2, torch.nan)
        certified = torch.zeros_like(active)
        for size in torch.unique(middle[active]).tolist():
            asked = middle == size
            certified[asked] = certify(size).to(torch.bool)[asked]
        found = torch.where(active & certified, middle, found)
        high = torch.where(active & ~certified, middle, high)
    return found
