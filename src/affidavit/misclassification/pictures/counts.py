"""The four counts of a threshold."""

from __future__ import annotations

import math

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from affidavit.misclassification.confusion import Confusion
from affidavit.misclassification.pictures.style import RIGHT, WRONG
from affidavit.plotting import charts, colours


def confusion_counts(
    found: Confusion, *, confidence: float | None = 0.95, title: str = ""
) -> Figure:
    """Right and wrong predictions, accepted and refused: counts, and the recall of each class.

    The darker a cell, the larger its share of its row. What should be large is on the diagonal.

    Source: Wu et al., figure 6.

    Args:
        found: the counts.
        confidence: of the Clopper-Pearson intervals of the recalls; None leaves them out.
        title: above the figure.

    Raises DomainError for a level outside (0, 1).
    """
    figure, axes = charts.subplots(4.6, 3.4, title)
    rows = (
        ("right", RIGHT, "right_recall", (found.right_accepted, found.right_refused)),
        ("wrong", WRONG, "wrong_recall", (found.wrong_accepted, found.wrong_refused)),
    )
    for row, (_, colour, share, counts) in enumerate(rows):
        whole = sum(counts)
        for column, count in enumerate(counts):
            part = count / whole if whole else 0.0
            axes.add_patch(_cell(column, row, colour, 0.12 + 0.6 * part))
            text = f"{count}\n{100 * part:.1f} %" if whole else "0"
            axes.text(column, row, text, ha="center", va="center", color=colours.INK)
        axes.text(1.6, row, _recall(found, share, confidence), va="center", fontsize="small")
    axes.set_xlim(-0.5, 2.9)
    axes.set_ylim(1.5, -0.5)
    axes.set_xticks([0, 1], ["accepted", "refused"])
    axes.set_yticks([0, 1], [f"{kind}\n({sum(counts)})" for kind, _, _, counts in rows])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def _cell(column: int, row: int, colour: str, strength: float) -> Rectangle:
    return Rectangle(
        (column - 0.48, row - 0.47), 0.96, 0.94, facecolor=(colour, strength), edgecolor="none"
    )


def _recall(found: Confusion, share: str, confidence: float | None) -> str:
    value = getattr(found, share)
    if math.isnan(value):
        return "recall: none to find"
    text = f"recall {100 * value:.1f} %"
    if confidence is None:
        return text
    lower, upper = found.interval(share, confidence)
    return f"{text}\n[{100 * lower:.1f}, {100 * upper:.1f}]"
