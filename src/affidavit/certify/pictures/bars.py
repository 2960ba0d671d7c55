"""The bounds of one explanation, feature by feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from affidavit.errors import DomainError
from affidavit.plotting import charts, colours


def bound_bars(
    lower: Any,
    explanation: Any,
    upper: Any,
    *,
    names: Sequence[str] | None = None,
    most: int = 20,
    title: str = "",
) -> Figure:
    """An explanation as marks, and about each the interval that no adversary can leave.

    The features that can be largest, `max(|lower|, |upper|)`, come first. Intervals that hold 0 are
    orange: the sign of these features is not certain.

    Args:
        lower, upper: bounds, any shape, flattened in row-major order.
        explanation: the explanation itself, of the same shape.
        names: of the features.
        most: features that are drawn.
        title: above the figure.

    Raises:
        DomainError: arrays that do not fit together or are not finite, an explanation outside of
            its bounds, a wrong number of names, or nothing to be drawn.
    """
    low, middle, high = checked(lower, explanation, upper)
    low, middle, high = (values.reshape(-1) for values in (low, middle, high))
    labels = [f"feature {i}" for i in range(len(low))] if names is None else list(names)
    if len(labels) != len(low):
        raise DomainError(f"{len(labels)} names for {len(low)} features")
    if most < 1:
        raise DomainError(f"most is {most}; expected at least 1")
    order = np.argsort(-np.maximum(-low, high), kind="stable")[:most]
    left_out = len(low) - len(order)
    note = f"{left_out} further features left out" if left_out else ""
    above = "\n".join(filter(None, (title, note)))
    figure, axes = charts.subplots(6.4, max(1.8, 1.0 + 0.24 * len(order)), above)
    rows = np.arange(len(order))
    unsure = (low[order] < 0) & (high[order] > 0)
    shades = np.where(unsure, "#d9822b", "#2f78b3")
    axes.barh(
        rows,
        high[order] - low[order],
        left=low[order],
        height=0.56,
        color=shades.tolist(),
        edgecolor=colours.INK,
        linewidth=0.4,
    )
    axes.plot(middle[order], rows, "|", color=colours.INK, markersize=10, markeredgewidth=1.6)
    axes.axvline(0, color=colours.RULE, linewidth=0.8)
    charts.name_rows(axes, [labels[i] for i in order])
    axes.invert_yaxis()
    axes.use_sticky_edges = False
    axes.set_xlabel("input gradient, and its bounds")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def checked(lower: Any, explanation: Any, upper: Any) -> tuple[Any, Any, Any]:
    """Three arrays of one shape, finite, the explanation within its bounds.

    Raises:
        DomainError: they are not.
    """
    low, middle, high = (np.asarray(values, float) for values in (lower, explanation, upper))
    if not low.shape == middle.shape == high.shape or not low.size:
        raise DomainError(
            f"lower, explanation and upper have the shapes {list(low.shape)},"
            f" {list(middle.shape)} and {list(high.shape)}; expected one shape"
        )
    if not all(np.isfinite(values).all() for values in (low, middle, high)):
        raise DomainError("bounds or explanation hold NaN or infinite entries")
    # An explanation is computed without outward rounding, and may lie this little outside.
    slack = 1e-6 * np.maximum(np.abs(low), np.abs(high)).max() + 1e-300
    if ((middle < low - slack) | (middle > high + slack)).any():
        raise DomainError("the explanation leaves its bounds: they are of something else")
    return low, middle, high
