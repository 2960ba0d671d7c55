"""Scores of right and of wrong predictions."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from affidavit.errors import DomainError
from affidavit.misclassification.pictures.style import RIGHT, WRONG
from affidavit.misclassification.ranking import checked_scores, checked_wrong
from affidavit.plotting import charts, colours


def score_histograms(
    scores: ArrayLike,
    wrong: ArrayLike,
    *,
    threshold: float | None = None,
    bins: int = 40,
    name: str = "score",
    title: str = "",
) -> Figure:
    """How many per cent of the right and of the wrong predictions have which score.

    Each class is a whole by itself, as wrong predictions are few.

    Args:
        scores: larger = more likely wrong, [n].
        wrong: whether each prediction is wrong, [n].
        threshold: a line; what is at or beyond it is refused.
        bins: of equal width, at least 1.
        name: of the score, below the figure.
        title: above it.

    Raises:
        DataError: arrays that cannot be used.
        DomainError: no bins.
    """
    values = checked_scores(scores)
    mistakes = checked_wrong(wrong, len(values))
    if bins < 1:
        raise DomainError(f"bins is {bins}; expected at least 1")
    edges = np.histogram_bin_edges(values, bins)
    figure, axes = charts.subplots(5.4, 3.4, title)
    for of, colour, hatch in ((~mistakes, RIGHT, ""), (mistakes, WRONG, "////")):
        count = int(of.sum())
        kind = "wrong" if of is mistakes else "right"
        axes.hist(
            values[of],
            edges,
            weights=np.full(count, 1 / max(count, 1)),
            histtype="stepfilled",
            facecolor=(colour, 0.35),
            edgecolor=colour,
            linewidth=1.4,
            hatch=hatch,
            label=f"{kind} predictions ({count})",
        )
    axes.margins(y=0.25)  # room for the words above the bars
    if threshold is not None and math.isfinite(threshold):
        axes.axvline(threshold, color=colours.INK, linewidth=1.2)
        axes.annotate(
            "refused →", (threshold, 1), (3, -2), xycoords=("data", "axes fraction"),
            textcoords="offset points", va="top", fontsize="small",
        )  # fmt: skip
    axes.set_xlabel(name).set_parse_math(False)
    axes.set_ylabel("share of each")
    charts.plain(axes)
    charts.percent(axes, "y")
    charts.legend(axes)
    return figure
