"""Curves over one pair of axes, told apart by dashes and signs as well as by colour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from affidavit.evidence import Cell, Curve, CurveChart, Table
from affidavit.report import wording
from affidavit.report.drawing import Canvas, shortened, width_of

_WIDTH, _HEIGHT = 680.0, 260.0
_LEFT, _RIGHT, _BOTTOM = 62.0, 18.0, 46.0
_LEGEND_ROW = 18.0
_STYLES = (
    ("accent", "-", "o"),
    ("ink", (0, (5, 3)), "s"),
    ("undecided", (0, (1, 2)), "D"),
    ("violated", (0, (6, 2, 1, 2)), "X"),
    ("holds", (0, (3, 1)), "^"),
    ("muted", "-", "v"),
)
"""Role, dash and sign of the first curves; further ones begin again."""


def curve_figures(chart: CurveChart, key: str) -> tuple[str, ...]:
    """The chart as one SVG, or none where no curve has a point to draw."""
    return (_figure(chart, key),) if any(_points(curve) for curve in chart.curves) else ()


def all_points_written(chart: CurveChart) -> bool:
    """Whether the figure writes every number: it writes none of those on curves."""
    return False


def points_table(chart: CurveChart) -> Table:
    """The chart's points: a row for each x, a column for each curve, and its interval."""
    xs = sorted({x for curve in chart.curves for x in curve.x if not math.isnan(x)})
    columns = [chart.x_axis]
    found: list[dict[float, tuple[Cell, ...]]] = []
    for curve in chart.curves:
        columns += [curve.label, f"{curve.label}: interval"] if curve.lower else [curve.label]
        found.append(dict(_cells(curve)))
    rows = tuple(
        (x, *(cell for curve, row in zip(chart.curves, found, strict=True)
              for cell in row.get(x, (None,) * (2 if curve.lower else 1))))
        for x in xs
    )  # fmt: skip
    return Table(chart.title, tuple(columns), rows)


def _cells(curve: Curve) -> Iterable[tuple[float, tuple[Cell, ...]]]:
    for place, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)):
        if curve.lower:
            yield x, (y, wording.interval((curve.lower[place], curve.upper[place])))
        else:
            yield x, (y,)


@dataclass(frozen=True)
class _Scale:
    """From values to pixels along one axis."""

    low: float
    high: float
    start: float
    end: float

    @staticmethod
    def over(values: Iterable[float], start: float, end: float) -> _Scale:
        shown = [value for value in values if math.isfinite(value)]
        low, high = min(shown, default=0.0), max(shown, default=1.0)
        margin = (high / 2 - low / 2) * 0.08 or abs(high) * 0.05 or 0.5
        return _Scale(max(low - margin, -1.7e308), min(high + margin, 1.7e308), start, end)

    def at(self, value: float) -> float:
        """The place of a value; an infinite one lies on the edge."""
        if math.isinf(value):
            return self.end if value > 0 else self.start
        span = self.high / 2 - self.low / 2
        return self.start + (self.end - self.start) * ((value / 2 - self.low / 2) / span)

    def ticks(self, room: int) -> list[float]:
        if not math.isfinite(self.high - self.low):
            return [self.low, self.high]
        found = MaxNLocator(nbins=room, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        # The locator computes 0.1 + 0.2: twelve digits are more than a tick can mean.
        return [float(f"{t:.12g}") for t in found if self.low <= t <= self.high]


def _figure(chart: CurveChart, key: str) -> str:
    rows = _legend(chart.curves)
    top = 14 + _LEGEND_ROW * len(rows) + 16
    canvas = Canvas(_WIDTH, top + _HEIGHT)
    bottom = top + _HEIGHT - _BOTTOM
    threshold = () if chart.at_least is None else (chart.at_least,)
    ends = [end for curve in chart.curves for end in (*curve.y, *curve.lower, *curve.upper)]
    x = _Scale.over((v for c in chart.curves for v in c.x), _LEFT, _WIDTH - _RIGHT)
    y = _Scale.over([*ends, *threshold], bottom, top)
    _draw_axes(canvas, chart, x, y, bottom)
    for value in threshold:
        if math.isfinite(value):
            canvas.line([_LEFT, _WIDTH - _RIGHT], [y.at(value)] * 2, "ink", dash=(0, (4, 3)))
            label = f"at least {wording.exactly(value)}"
            canvas.text(_LEFT + 6, y.at(value) - 8, label, "ink", size=10)
    for index, curve in enumerate(chart.curves):
        _draw_curve(canvas, curve, x, y, *_STYLES[index % len(_STYLES)])
    for height, row in enumerate(rows):
        for place, index in row:
            role, dash, sign = _STYLES[index % len(_STYLES)]
            level = 14 + _LEGEND_ROW * height
            canvas.line([place, place + 26], [level, level], role, width=1.8, dash=dash)
            canvas.marker(place + 13, level, sign, role)
            canvas.text(place + 32, level, shortened(chart.curves[index].label, _ROOM))
    return canvas.svg(key, chart.title, _description(chart))


_ROOM = 270.0


def _legend(curves: Sequence[Curve]) -> list[list[tuple[float, int]]]:
    """Where each curve's name goes: rows of (left, number of the curve)."""
    rows: list[list[tuple[float, int]]] = [[]]
    left = 10.0
    for index, curve in enumerate(curves):
        width = 32 + min(_ROOM, width_of(wording.one_line(curve.label))) + 24
        if rows[-1] and left + width > _WIDTH:
            rows.append([])
            left = 10.0
        rows[-1].append((left, index))
        left += width
    return rows


def _draw_axes(canvas: Canvas, chart: CurveChart, x: _Scale, y: _Scale, bottom: float) -> None:
    right = _WIDTH - _RIGHT
    for tick in y.ticks(5):
        level = y.at(tick)
        canvas.line([_LEFT, right], [level, level], "rule", width=0.6)
        canvas.text(_LEFT - 6, level, wording.number(tick), "muted", size=10, anchor="right")
    canvas.line([_LEFT, right], [bottom, bottom], "muted")
    for tick in x.ticks(7):
        place = x.at(tick)
        canvas.line([place, place], [bottom, bottom + 4], "muted")
        canvas.text(place, bottom + 14, wording.number(tick), "muted", size=10, anchor="center")
    middle = (_LEFT + right) / 2
    canvas.text(middle, bottom + 33, shortened(chart.x_axis, right - _LEFT), anchor="center")
    height = (y.start + y.end) / 2
    axis = shortened(chart.y_axis, y.start - y.end)
    canvas.text(12, height, axis, turned=True, anchor="center")


def _points(curve: Curve) -> list[tuple[float, float]]:
    points = zip(curve.x, curve.y, strict=True)
    return [point for point in points if not any(map(math.isnan, point))]


def _draw_curve(
    canvas: Canvas, curve: Curve, x: _Scale, y: _Scale, role: str, dash: object, sign: str
) -> None:
    run: list[tuple[float, float]] = []
    for place, value in zip(curve.x, curve.y, strict=True):
        if math.isnan(place) or math.isnan(value):
            _draw_run(canvas, run, role, dash)
            run = []
        else:
            run.append((x.at(place), y.at(value)))
    _draw_run(canvas, run, role, dash)
    for place, low, high in zip(curve.x, curve.lower, curve.upper, strict=False):
        if not any(map(math.isnan, (place, low, high))):
            canvas.line([x.at(place)] * 2, [y.at(low), y.at(high)], role, width=1)
    for place, value in _points(curve):
        canvas.marker(x.at(place), y.at(value), sign, role)


def _draw_run(canvas: Canvas, run: Sequence[tuple[float, float]], role: str, dash: object) -> None:
    if len(run) > 1:
        xs, ys = zip(*run, strict=True)
        canvas.line(xs, ys, role, width=1.8, dash=dash)


def _description(chart: CurveChart) -> str:
    parts = []
    for curve in chart.curves[:6]:
        points = _points(curve)
        if points:
            first, last = points[0], points[-1]
            parts.append(
                f"{curve.label}: from {wording.number(first[1])} at {wording.number(first[0])} to"
                f" {wording.number(last[1])} at {wording.number(last[0])}"
            )
    return f"{chart.y_axis} by {chart.x_axis}. {'; '.join(parts)}."
