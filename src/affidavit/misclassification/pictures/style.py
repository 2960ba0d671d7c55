"""What pictures of detectors have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

RIGHT, WRONG = "#4a90c4", "#d9822b"
"""Right and wrong predictions: blue and orange differ for every kind of colour sight."""


def mark(axes: Any, x: float, y: float, colour: Any) -> None:
    """A ring around the chosen threshold."""
    if np.isfinite([x, y]).all():
        axes.plot(
            [x], [y], "o", markersize=9, markerfacecolor="none", markeredgecolor=colour,
            markeredgewidth=1.8, clip_on=False,
        )  # fmt: skip
