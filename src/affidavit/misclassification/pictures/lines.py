"""Curves of several methods over all thresholds, with the chosen ones marked."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from affidavit.errors import DataError, nearest
from affidavit.misclassification.confusion import confusion
from affidavit.misclassification.curves import risk_coverage, roc_curve
from affidavit.misclassification.metrics import aurc
from affidavit.misclassification.pictures.style import mark
from affidavit.plotting import charts, colours


def roc_curves(
    scores: Mapping[str, ArrayLike],
    wrong: ArrayLike,
    *,
    thresholds: Mapping[str, float] | None = None,
    title: str = "",
) -> Figure:
    """Wrong predictions refused against right ones refused, with the AUROC in the legend.

    Source: Wu et al., figure 5.

    Args:
        scores: of each method by name, larger = more likely wrong, [n].
        wrong: whether each prediction is wrong, [n].
        thresholds: of some of the methods, the chosen one: a ring.
        title: above the figure.

    Raises DataError for no methods, a threshold of none of them, or arrays that cannot be used.
    """
    marked = _marked(scores, thresholds)
    figure, axes = charts.subplots(4.8, 4.4, title)
    axes.plot([0, 1], [0, 1], color=colours.QUIET, linewidth=0.8)
    for (name, values), look in zip(scores.items(), charts.looks(len(scores)), strict=True):
        curve = roc_curve(values, wrong)
        label = f"{name} ({curve.area:.3f})"
        axes.plot(curve.right_refused, curve.wrong_refused, label=label, **look)
        if name in marked:
            found = confusion(values, wrong, marked[name])
            mark(axes, 1 - found.right_recall, found.wrong_recall, look["color"])
    axes.set_xlabel("right predictions refused")
    axes.set_ylabel("wrong predictions refused")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")
    charts.plain(axes)
    charts.percent(axes, "xy")
    charts.legend(axes, "AUROC", "lower right")
    return figure


def risk_coverage_curves(
    scores: Mapping[str, ArrayLike],
    wrong: ArrayLike,
    *,
    thresholds: Mapping[str, float] | None = None,
    title: str = "",
) -> Figure:
    """Risk of the accepted predictions against the share accepted, with the AURC in the legend.

    Args: as of :func:`roc_curves`.

    Raises DataError for no methods, a threshold of none of them, or arrays that cannot be used.
    """
    marked = _marked(scores, thresholds)
    figure, axes = charts.subplots(5.4, 3.8, title)
    for (name, values), look in zip(scores.items(), charts.looks(len(scores)), strict=True):
        curve = risk_coverage(values, wrong)
        label = f"{name} ({aurc(values, wrong):.4f})"
        axes.plot(curve.coverage, curve.risk, label=label, **look)
        if name in marked:
            found = confusion(values, wrong, marked[name])
            mark(axes, found.coverage, found.risk, look["color"])
    axes.set_xlabel("coverage: share of the predictions accepted")
    axes.set_ylabel("risk: share of these that is wrong")
    axes.set_xlim(0, 1.01)
    axes.set_ylim(bottom=0)
    charts.plain(axes)
    charts.percent(axes, "xy")
    charts.legend(axes, "AURC", "upper left")
    return figure


def _marked(
    scores: Mapping[str, ArrayLike], thresholds: Mapping[str, float] | None
) -> Mapping[str, float]:
    if not scores:
        raise DataError("there are no scores; expected those of at least one method")
    for name in thresholds or {}:
        if name not in scores:
            raise DataError(
                f"there is a threshold of {name!r}, but there are no scores of it"
                f"{nearest(name, scores)}; there are of {', '.join(scores)}"
            )
    return thresholds or {}
