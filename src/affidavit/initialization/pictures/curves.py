"""How training goes, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from affidavit.errors import DataError, DomainError, nearest
from affidavit.initialization.pictures import inputs
from affidavit.initialization.pictures.style import below, empty, looks, plain
from affidavit.regions.pictures import colours

_SHOWN = {
    "accuracy": "accuracy (per cent, validation)",
    "loss": "mean cross-entropy (training)",
}


def training_curves(
    found: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    shown: Literal["accuracy", "loss"] = "accuracy",
    title: str = "",
) -> Figure:
    """Accuracy or loss after each epoch; a training that failed ends in a cross.

    Source: Pan, Nguyen and Ahmed, figure 2, where the initial weights are too small, right and too
    large.

    Args:
        found: of each training by name, its epochs and its values, [point] each: accuracies as
            shares of 1, or losses, NaN from where it failed, as :func:`curves_by_scale` gives them.
        shown: what the values are. Losses have a logarithmic axis.
        title: above the figure.

    Raises:
        DataError: no trainings, epochs that do not fit, nothing but NaN, accuracies above 1 or
            losses below 0.
        DomainError: `shown` is neither.
    """
    inputs.some(found, "trainings")
    if shown not in _SHOWN:
        raise DomainError(
            f"shown is {shown!r}{nearest(shown, _SHOWN)}; expected {' or '.join(_SHOWN)}"
        )
    figure, ((axes,),) = empty(5.8, 3.9, title)
    entries = []
    for (name, (epochs, of)), look in zip(found.items(), looks(len(found)), strict=True):
        what = f"{shown} of {name!r}"
        if shown == "accuracy":
            values = 100 * inputs.accuracies(what, of)
        else:
            values = inputs.numbers(what, of, missing=True)
            if np.nanmin(values) < 0:
                raise DataError(f"{what}: there is {np.nanmin(values):g}; expected 0 or more")
        places = inputs.paired(what, epochs, values, "epochs")
        entries += axes.plot(places, values, label=name, marker=".", markersize=5, **look)
        if np.isnan(values[-1]):
            last = int(np.flatnonzero(~np.isnan(values))[-1])
            axes.plot(
                [places[last]], [values[last]], "x", color=colours.INK, markersize=8,
                markeredgewidth=1.8, clip_on=False, zorder=5,
            )  # fmt: skip
            axes.annotate(
                "diverged", (places[last], values[last]), (7, 0), textcoords="offset points",
                va="center", fontsize="small",
            )  # fmt: skip
    axes.set_xlabel("epoch (0: before training)")
    axes.set_ylabel(_SHOWN[shown])
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    if shown == "loss":
        axes.set_yscale("log")
    plain(axes)
    below(figure, entries)
    return figure
