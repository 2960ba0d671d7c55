"""Share of inputs certified, and share that no attack refuted, by size of the box."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from affidavit.errors import DomainError
from affidavit.plotting import charts, colours


def share_curves(
    sizes: Any,
    certified: Any,
    kept: Any = None,
    *,
    sign: str = "ε",
    at_least: float | None = None,
) -> Figure:
    """The certified share below, the share that withstood the attack above, the gap shaded.

    The share that truly has the property lies in between. Source: Wicker et al. 2022, figure 3.

    Args:
        sizes: of the box, increasing, [size].
        certified: share of inputs certified at each, [size].
        kept: share of inputs not refuted, [size]; None where there was no attack.
        sign: of the size, such as "ε" or "γ".
        at_least: a share that is claimed.

    Raises:
        DomainError: shares of other lengths than the sizes or outside of [0, 1], sizes that do not
            increase, or more certified than not refuted.
    """
    x = np.asarray(sizes, float)
    low = _shares("certified", certified, x)
    high = None if kept is None else _shares("kept", kept, x)
    if high is not None and (low > high).any():
        raise DomainError(
            "more inputs are certified than were not refuted: one of the two is wrong"
        )
    blue = colours.SIGNED(0.85)
    figure, axes = charts.subplots(6.4, 3.8)
    if high is not None:
        axes.fill_between(x, low, high, color="#e6e9ec", linewidth=0)
        axes.plot(
            x, high, color=colours.INK, linestyle="--", marker="s", markersize=4,
            label="not refuted by an attack",
        )  # fmt: skip
    axes.plot(x, low, color=blue, marker="o", markersize=4.5, label="certified")
    if at_least is not None:
        axes.axhline(at_least, color=colours.RULE, linewidth=0.9, linestyle=":")
        axes.annotate(
            f"claimed: at least {at_least:g}",
            (1, at_least),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 2),
            textcoords="offset points",
            ha="right",
            fontsize="small",
            color=colours.RULE,
        )
    axes.set_xlabel(sign)
    axes.set_ylabel("share of inputs")
    axes.set_ylim(-0.03, 1.03)
    charts.percent(axes, "y")
    charts.plain(axes, "y")
    axes.legend(frameon=False, loc="best")
    return figure


def _shares(name: str, values: Any, sizes: Any) -> Any:
    found = np.asarray(values, float)
    if sizes.ndim != 1 or not len(sizes) or found.shape != sizes.shape:
        raise DomainError(
            f"{name} has the shape {list(found.shape)}; expected a share for each of the"
            f" {len(np.atleast_1d(sizes))} sizes"
        )
    if not np.isfinite(sizes).all() or (np.diff(sizes) <= 0).any():
        raise DomainError("expected sizes that increase")
    if not ((found >= 0) & (found <= 1)).all():
        raise DomainError(f"{name} holds shares outside of [0, 1]")
    return found
