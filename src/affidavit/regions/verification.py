"""Checks of a partition against itself and against the network."""

from __future__ import annotations

from affidavit.regions.result import Partition


def verify(partition: Partition) -> None:
    """."""
