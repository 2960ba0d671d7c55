"""Deletion and insertion curves, method by method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from affidavit.attribution.evaluation.curves import Curve
from affidavit.attribution.pictures.images import array_of
from affidavit.errors import DomainError
from affidavit.regions.pictures import colours

_DASHES = ("-", "--", ":", "-.")


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
    figure = Figure(figsize=(8.4, 3.8), dpi=200, layout="constrained")
    axes: Any = figure.subplots(1, 2, sharey=True)
    _side(axes[0], deletion, each)
    _side(axes[1], insertion, each)
    axes[0].set_xlabel("share of pixels deleted")
    axes[1].set_xlabel("share of pixels inserted")
    axes[0].set_ylabel("probability of the class")
    if title:
        figure.suptitle(title, fontsize="medium").set_parse_math(False)
    return figure


def _side(axes: Any, found: Mapping[str, Curve], each: bool) -> None:
    # The palest step of the scale is too faint for a line.
    shades = colours.of_classes(len(found) + 1)
    for number, (name, curve) in enumerate(found.items()):
        shares, values = array_of(curve.shares), array_of(curve.probability)
        if not len(values):
            raise DomainError(f"{name}: a curve of no images")
        if each and len(values) > 1:
            axes.plot(shares, values.T, color=shades[number], linewidth=0.6, alpha=0.35)
        axes.plot(
            shares,
            values.mean(0),
            color=shades[number],
            linestyle=_DASHES[number % len(_DASHES)],
            linewidth=2,
            label=f"{name} ({float(curve.area.mean()):.3f})",
        )
    axes.set_ylim(-0.03, 1.03)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dde1e4", linewidth=0.6)
    axes.set_axisbelow(True)
    legend = axes.legend(frameon=False, fontsize="small", loc="best", title="mean area")
    for text in legend.get_texts():
        text.set_parse_math(False)
