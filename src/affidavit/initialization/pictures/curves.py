"""How training goes, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from affidavit.errors import DataError, DomainError, nearest
from affidavit.initialization.pictures import inputs
from affidavit.initialization.pictures.style import Vector, below
from affidavit.plotting import charts

_SHOWN = {
    "accuracy": "accuracy (per cent, validation)",
    "loss": "mean cross-entropy (training)",
}

_FAR = 10.0
"""Losses so many times the median first one are cut off."""


def training_curves(
    found: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    shown: Literal["accuracy", "loss"] = "accuracy",
    title: str = "",
) -> Figure:
    """Accuracy or loss after each epoch; a training that diverged ends in a cross.

    Source: Pan, Nguyen and Ahmed, figure 2, where the initial weights are too small, right and too
    large.

    Args:
        found: of each training by name, its epochs and its values, [point] each: accuracies as
            shares of 1, or losses, NaN from where it failed, as :func:`curves_by_scale` gives them.
        shown: what the values are. Losses have a logarithmic axis, and are cut off where they are
            far above what most trainings begin with.
        title: above the figure.

    Raises:
        DataError: no trainings, epochs that do not fit, nothing but NaN, accuracies above 1 or
            losses below 0.
        DomainError: `shown` is neither.
    """
    if shown not in _SHOWN:
        raise DomainError(
            f"shown is {shown!r}{nearest(shown, _SHOWN)}; expected {' or '.join(_SHOWN)}"
        )
    checked = _checked(found, shown)
    figure, axes = charts.subplots(5.8, 3.9, title)
    entries = []
    # Trainings that are stuck at the same value lie on each other: the first is the widest.
    widths = np.linspace(3.2, 1.4, len(found)) if len(found) > 1 else [1.8]
    for (name, (places, values)), look, width in zip(
        checked.items(), charts.looks(len(found)), widths, strict=True
    ):
        look["linewidth"] = width
        failed = bool(np.isnan(values[-1]))
        label = f"{name} (diverged)" if failed else name
        entries += axes.plot(places, values, label=label, marker=".", markersize=5, **look)
        if failed and not np.isnan(values).all():
            last = int(np.flatnonzero(~np.isnan(values))[-1])
            axes.plot(
                [places[last]], [values[last]], "x", color=look["color"], markersize=8,
                markeredgewidth=2.0, clip_on=False, zorder=5,
            )  # fmt: skip
    axes.set_xlabel("epoch" if shown == "loss" else "epoch (0: before training)")
    axes.set_ylabel(_SHOWN[shown])
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    if shown == "loss":
        _losses_axis(axes, [values[~np.isnan(values)] for _, values in checked.values()])
    charts.plain(axes)
    below(figure, entries)
    return figure


def _losses_axis(axes: Any, losses: Sequence[Vector]) -> None:
    """Logarithmic, and not stretched by weights so large that the first losses are beyond all."""
    seen = np.concatenate(losses)
    if (seen > 0).any():
        axes.set_yscale("log")
    first = sorted(values[0] for values in losses if len(values))
    top = _FAR * first[(len(first) - 1) // 2]
    if 0 < top < seen.max():
        axes.set_ylim(0.7 * seen[seen > 0].min(), top)


def _checked(
    found: Mapping[str, tuple[ArrayLike, ArrayLike]], shown: str
) -> dict[str, tuple[Vector, Vector]]:
    """Epochs and values as they are drawn."""
    inputs.some(found, "trainings")
    checked = {}
    for name, (epochs, of) in found.items():
        what = f"{shown} of {name!r}"
        values = inputs.numbers(what, of, missing=True, nothing=True)
        seen = values[~np.isnan(values)]
        if shown == "accuracy":
            values = 100 * inputs.shares(what, values)
        elif (seen < 0).any():
            raise DataError(f"{what}: there is {seen.min():g}; expected 0 or more")
        checked[name] = inputs.paired(what, epochs, values, "epochs"), values
    if all(np.isnan(values).all() for _, values in checked.values()):
        raise DataError("all trainings diverged before there was anything to show")
    return checked
