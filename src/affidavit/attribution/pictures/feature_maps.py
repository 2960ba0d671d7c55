"""Conductance of feature maps, of a right prediction beside a wrong one of the same class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from affidavit.attribution.pictures.images import array_of
from affidavit.errors import DomainError
from affidavit.plotting import charts, colours

_WIDTH = 0.8  # of all bars of one map, in steps of the axis


def feature_maps(
    predictions: Mapping[str, Any], maps: Sequence[int] | Any = None, *, title: str = ""
) -> Figure:
    """Bars of conductance over feature maps, one panel of some maps or a panel a prediction.

    With `maps`, such as those that the class rests on, predictions stand side by side at each map
    (figure 1); without, each has a panel of all maps, on one scale (figure 2).

    Args:
        predictions: by name, such as "right: orange" and "wrong: matchstick", the conductances of
            one input, [channel].
        maps: numbers of the maps that are shown, in this order.
        title: above the figure.

    Raises DomainError for no predictions, conductances that are no rows of equal length and
    finite, or a map that the layer does not have.

    Source: Wu, Michel and Briot 2019, figures 1 and 2.
    """
    rows = {name: array_of(values) for name, values in predictions.items()}
    shapes = {row.shape for row in rows.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        seen = ", ".join(f"{name} {list(row.shape)}" for name, row in rows.items())
        raise DomainError(
            f"the conductances are of {seen or 'nothing'}; expected one or more rows [channel] of"
            " equal length"
        )
    if not all(np.isfinite(row).all() for row in rows.values()):
        raise DomainError("some conductances are NaN or infinite; expected finite ones")
    count = shapes.pop()[0]
    figure = charts.figure(8.4, 3.4, title)
    if maps is None:
        panels: Any = figure.subplots(1, len(rows), sharey=True, squeeze=False)[0]
        shades = colours.of_lines(len(rows))
        for axes, shade, (name, row) in zip(panels, shades, rows.items(), strict=True):
            axes.bar(np.arange(count), row, width=1.0, color=shade)
            charts.panel_title(axes, name)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            _dress(axes)
        panels[0].set_ylabel("conductance")
    else:
        _side_by_side(figure, rows, _chosen(maps, count))
    return figure


def _chosen(maps: Any, count: int) -> list[int]:
    chosen = [int(number) for number in maps]
    strangers = [number for number in chosen if not 0 <= number < count]
    if strangers or not chosen:
        raise DomainError(
            f"maps names {strangers[0] if strangers else 'none'}; expected some of 0 to {count - 1}"
        )
    return chosen


def _side_by_side(figure: Figure, rows: Mapping[str, Any], chosen: list[int]) -> None:
    axes: Any = figure.subplots()
    places, width = np.arange(len(chosen)), _WIDTH / len(rows)
    shades = colours.of_lines(len(rows))
    for number, (name, row) in enumerate(rows.items()):
        aside = (number - (len(rows) - 1) / 2) * width
        axes.bar(places + aside, row[chosen], width=width, color=shades[number], label=name)
    axes.set_xticks(places, [str(number) for number in chosen])
    axes.set_ylabel("conductance")
    _dress(axes)
    charts.legend(axes)


def _dress(axes: Any) -> None:
    axes.set_xlabel("feature map")
    axes.axhline(0.0, color=colours.RULE, linewidth=0.6)
    charts.plain(axes, "y")
