"""Histograms of groups over the same bins, their bars side by side, and where they are cut."""

from __future__ import annotations

import math
from itertools import pairwise

from matplotlib.ticker import MaxNLocator

from affidavit.evidence import Cell, Histogram, HistogramChart, Table
from affidavit.report import wording
from affidavit.report.drawing import Canvas, shortened, width_of

_WIDTH, _HEIGHT = 680.0, 230.0
_LEFT, _RIGHT, _BOTTOM = 62.0, 18.0, 46.0
_LEGEND_ROW = 18.0
_ROOM = 270.0
_ROLES = (("accent", 0.85), ("violated", 0.85), ("ink", 0.6), ("undecided", 0.85))
"""Role and opacity of the first groups; further ones begin again."""


def histogram_figures(chart: HistogramChart, key: str) -> tuple[str, ...]:
    """The chart as one SVG, or none where no group has a value."""
    return (_figure(chart, key),) if any(sum(group.counts) for group in chart.groups) else ()


def all_counts_written(chart: HistogramChart) -> bool:
    """Whether the figure writes every number: it writes none of the counts."""
    return False


def bins_table(chart: HistogramChart) -> Table:
    """The counts: a row for each bin, a column for each group."""
    rows: list[tuple[Cell, ...]] = [
        (low, high, *(group.counts[place] for group in chart.groups))
        for place, (low, high) in enumerate(pairwise(chart.edges))
    ]
    columns = ("from", "to", *(group.label for group in chart.groups))
    return Table(chart.title, columns, tuple(rows))


def _figure(chart: HistogramChart, key: str) -> str:
    top = 14 + _LEGEND_ROW * len(chart.groups) + 12
    canvas = Canvas(_WIDTH, top + _HEIGHT)
    bottom, right = top + _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for place, group in enumerate(chart.groups):
        role, alpha = _ROLES[place % len(_ROLES)]
        level = 14 + _LEGEND_ROW * place
        canvas.boxes([(10.0, level - 5, 18.0, 10.0)], role, alpha)
        canvas.text(34, level, _legend(group))
    largest = max(max(_shares(group), default=0.0) for group in chart.groups)
    _draw_axes(canvas, chart, largest, top, bottom)
    width = (right - _LEFT) / (len(chart.edges) - 1)
    bar = 0.88 * width / len(chart.groups)
    for place, group in enumerate(chart.groups):
        boxes = [
            (_LEFT + width * (b + 0.06) + bar * place, bottom - height, bar, height)
            for b, share in enumerate(_shares(group))
            if (height := (bottom - top) * share / largest)
        ]
        canvas.boxes(boxes, *_ROLES[place % len(_ROLES)])
    if chart.threshold is not None and not math.isnan(chart.threshold):
        x = _place(chart, chart.threshold)
        canvas.line([x, x], [top - 6, bottom], "ink", width=1.4, dash=(0, (4, 3)))
        text = f"threshold {wording.number(chart.threshold)}"
        near_end = x + 8 + width_of(text, 10) > right
        canvas.text(
            x - 5 if near_end else x + 5,
            top - 4,
            text,
            "muted",
            size=10,
            anchor="right" if near_end else "left",
        )
    return canvas.svg(key, chart.title, _description(chart))


def _legend(group: Histogram) -> str:
    return shortened(f"{group.label} ({wording.number(sum(group.counts))})", 2 * _ROOM)


def _shares(group: Histogram) -> list[float]:
    total = sum(group.counts)
    return [count / total if total else 0.0 for count in group.counts]


def _place(chart: HistogramChart, value: float) -> float:
    """The place of a value on the axis; bins are equally wide there. What lies outside, on it."""
    right = _WIDTH - _RIGHT
    width = (right - _LEFT) / (len(chart.edges) - 1)
    for place, (low, high) in enumerate(pairwise(chart.edges)):
        if value < high:
            inside = max(0.0, (value / 2 - low / 2) / (high / 2 - low / 2))
            return _LEFT + width * (place + inside)
    return right


def _draw_axes(
    canvas: Canvas, chart: HistogramChart, largest: float, top: float, bottom: float
) -> None:
    right = _WIDTH - _RIGHT
    for tick in _ticks(0.0, largest, 5):
        level = bottom - (bottom - top) * tick / largest
        canvas.line([_LEFT, right], [level, level], "rule", width=0.6)
        canvas.text(_LEFT - 6, level, wording.number(tick), "muted", size=10, anchor="right")
    canvas.line([_LEFT, right], [bottom, bottom], "muted")
    for tick in _ticks(chart.edges[0], chart.edges[-1], 7):
        x = _place(chart, tick)
        canvas.line([x, x], [bottom, bottom + 4], "muted")
        canvas.text(x, bottom + 14, wording.number(tick), "muted", size=10, anchor="center")
    middle = (_LEFT + right) / 2
    canvas.text(middle, bottom + 33, shortened(chart.axis, right - _LEFT), anchor="center")
    canvas.text(12, (top + bottom) / 2, "share of the group", turned=True, anchor="center")


def _ticks(low: float, high: float, room: int) -> list[float]:
    if not math.isfinite(high - low):
        return [low, high]
    found = MaxNLocator(nbins=room, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    # The locator computes 0.1 + 0.2: twelve digits are more than a tick can mean.
    return [float(f"{t:.12g}") for t in found if low <= t <= high]


def _description(chart: HistogramChart) -> str:
    parts = []
    for group in chart.groups[:6]:
        total = sum(group.counts)
        if total:
            fullest = max(range(len(group.counts)), key=lambda b: group.counts[b])
            low, high = chart.edges[fullest : fullest + 2]
            parts.append(
                f"{group.label}: {wording.counted(total, 'value')}, most from"
                f" {wording.number(low)} to {wording.number(high)}"
            )
    return f"{chart.axis}. {'; '.join(parts)}."
