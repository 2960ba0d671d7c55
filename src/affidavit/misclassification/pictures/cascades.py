"""A detector and what its refused inputs go on to, as the threshold moves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from affidavit.errors import DataError, nearest
from affidavit.misclassification.cascade import Cascade
from affidavit.misclassification.pictures.style import mark
from affidavit.plotting import charts


def cascade_curves(
    found: Mapping[str, Cascade],
    *,
    thresholds: Mapping[str, float] | None = None,
    title: str = "",
) -> Figure:
    """Accuracy of both together against the share that goes on (left) and the mean cost (right).

    Args:
        found: of each method by name, as :func:`affidavit.misclassification.cascade` gives them.
        thresholds: of some of them, the chosen one: a ring.
        title: above the figure.

    Raises DataError for no cascades, or a threshold of none of them.
    """
    if not found:
        raise DataError("there are no cascades; expected at least one")
    figure, axes = charts.subplots(8.4, 3.6, title, columns=2)
    for name in thresholds or {}:
        if name not in found:
            raise DataError(
                f"there is a threshold of {name!r}, but no cascade{nearest(name, found)}; there"
                f" are {', '.join(found)}"
            )
    for (name, curve), look in zip(found.items(), charts.looks(len(found)), strict=True):
        axes[0].plot(curve.refused, curve.accuracy, label=name, **look)
        axes[1].plot(curve.cost, curve.accuracy, **look)
        if thresholds and name in thresholds:
            # The last point whose threshold is no lower refuses what the given one refuses.
            place = int(np.searchsorted(-curve.thresholds, -thresholds[name], side="right")) - 1
            mark(axes[0], curve.refused[place], curve.accuracy[place], look["color"])
            mark(axes[1], curve.cost[place], curve.accuracy[place], look["color"])
    axes[0].set_xlabel("share refused, answered by the second")
    axes[1].set_xlabel("mean cost of an input")
    axes[0].set_ylabel("accuracy of both together")
    for panel, shares in zip(axes, ("xy", "y"), strict=True):
        charts.plain(panel)
        charts.percent(panel, shares)
    axes[1].sharey(axes[0])
    charts.legend(axes[0])
    return figure
