"""What `affidavit certify` does, size by size, until it is done or a limit comes."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from affidavit.certify.progress import shown
from affidavit.certify.reach import Reach, largest_sizes
from affidavit.cli.certify.setup import Asked
from affidavit.cli.certify.tables import Line
from affidavit.contract.context import Context
from affidavit.contract.surveying import survey_rows
from affidavit.errors import DomainError


def lines_of(
    context: Context, asked: Asked, sizes: Sequence[tuple[float, float]], until: float
) -> list[Line]:
    """What was found for each size; sizes that a limit or Ctrl-C kept from being begun are left
    out."""
    lines: list[Line] = []
    for epsilon, gamma in sizes:
        left = until - time.monotonic()
        if lines and left <= 0:
            break
        found = survey_rows(
            context,
            asked.units,
            asked.x,
            asked.wanted,
            epsilon=epsilon,
            gamma=gamma,
            beyond_data=asked.beyond_data,
            method=asked.method,
            attack=asked.attack,
            seconds=max(left, 0.0),
            name=f"ε = {epsilon:g}, γ = {gamma:g}",
        )
        lines.append(Line(epsilon, gamma, found))
        if not found.finished:
            break
    return lines


def reach_of(
    context: Context, asked: Asked, sizes: Sequence[tuple[float, float]], until: float
) -> Reach:
    """The largest certified size of each input, up to the largest size given.

    Raises:
        DomainError: both ε and γ are given.
    """
    epsilon, gamma = (max(values) for values in zip(*sizes, strict=True))
    if epsilon and gamma:
        raise DomainError("--largest enlarges one of the two: give --epsilon or --gamma alone")
    ends = (asked.units.lower, asked.units.upper)
    lower, upper = (torch.from_numpy(end).to(context.device) for end in ends)
    with shown(context.progress, "largest") as progress:
        return largest_sizes(
            asked.units.graph.to(device=context.device),
            torch.from_numpy(asked.x).to(context.device),
            asked.wanted,
            "epsilon" if epsilon else "gamma",
            epsilon or gamma,
            data_range=None if asked.beyond_data else (lower, upper),
            method=asked.method,
            batch_size=context.batch_size,
            seconds=max(until - time.monotonic(), 0.0),
            progress=progress,
        )
