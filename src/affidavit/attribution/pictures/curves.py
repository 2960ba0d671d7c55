"""Deletion and insertion curves, method by method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from affidavit.attribution.evaluation.curves import Curve
from affidavit.attribution.pictures.images import array_of
from affidavit.errors import DomainError
from affidavit.plotting import charts


def curves(
    deletion: Mapping[str, Curve],
    insertion: Mapping[str, Curve],
    *,
    each: bool = True,
    title: str = "",
) -> Figure:
    """Probability of the class as its most relevant pixels go (left) or come (right).

    Thick lines are means over the images, with the mean area under them in the legend; thin ones
    are single images.

    Args:
        deletion, insertion: curves of each method by name, as :func:`deletion` and
            :func:`insertion` of :mod:`affidavit.attribution.evaluation` give them.
        each: whether single images are drawn too.
        title: above the figure.

    Raises:
        DomainError: no curves, or not of the same methods on both sides.
    """
    if list(deletion) != list(insertion) or not deletion:
        raise DomainError(
            f"deletion has curves of {', '.join(deletion) or 'nothing'}, insertion of"
            f" {', '.join(insertion) or 'nothing'}; expected those of the same methods"
        )
    figure, axes = charts.subplots(8.4, 3.8, title, columns=2, sharey=True)
    _side(axes[0], deletion, each)
    _side(axes[1], insertion, each)
    axes[0].set_xlabel("share of pixels deleted")
    axes[1].set_xlabel("share of pixels inserted")
    axes[0].set_ylabel("probability of the class")
    return figure


def _side(axes: Any, found: Mapping[str, Curve], each: bool) -> None:
    for look, (name, curve) in zip(charts.looks(len(found), 2), found.items(), strict=True):
        shares, values = array_of(curve.shares), array_of(curve.probability)
        if not len(values):
            raise DomainError(f"{name}: a curve of no images")
        if each and len(values) > 1:
            axes.plot(shares, values.T, color=look["color"], linewidth=0.6, alpha=0.35)
        label = f"{name} ({float(curve.area.mean()):.3f})"
        axes.plot(shares, values.mean(0), label=label, **look)
    axes.set_ylim(-0.03, 1.03)
    charts.percent(axes, "x")
    charts.plain(axes, "y")
    charts.legend(axes, "mean area")
