"""The forest plot: estimates with their intervals on one axis, against their thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.ticker import MaxNLocator

from affidavit.evidence import Estimate, IntervalChart, Table, Verdict
from affidavit.report import wording
from affidavit.report.drawing import Canvas, shortened, width_of

ROWS = 40
"""Estimates to a panel: one panel fits a printed page, so that a page break cuts no row."""

_WIDTH = 680.0
_ROW = 20.0
_LABEL_ROOM = 230.0
_NUMBER_ROOM = 190.0
_SHAPES = {Verdict.HOLDS: "o", Verdict.VIOLATED: "X", Verdict.UNDECIDED: "D", None: "o"}


def interval_figures(chart: IntervalChart, key: str) -> tuple[str, ...]:
    """The chart as SVG panels with one shared axis, at most :data:`ROWS` estimates each."""
    axis = _Axis(chart.estimates)
    starts = range(0, len(chart.estimates), ROWS)
    return tuple(
        _panel(chart, chart.estimates[start : start + ROWS], axis, f"{key}-{start}")
        for start in starts
    )


def all_labels_fit(chart: IntervalChart) -> bool:
    """Whether no row's label or numbers must be shortened, and no bound goes unwritten."""
    return len({(e.at_least, e.at_most) for e in chart.estimates}) <= 1 and all(
        width_of(wording.one_line(e.label)) <= _LABEL_ROOM and width_of(_numbers(e)) <= _NUMBER_ROOM
        for e in chart.estimates
    )


class _Axis:
    """Where a value lies between left and right, and which ticks to draw."""

    def __init__(self, estimates: Sequence[Estimate]) -> None:
        values = [
            value
            for e in estimates
            for value in (e.value, e.lower, e.upper, e.at_least, e.at_most)
            if value is not None and math.isfinite(value)
        ]
        low, high = min(values, default=0.0), max(values, default=1.0)
        # Halves, so that the distance between the largest doubles stays finite.
        margin = (high / 2 - low / 2) * 0.08 or abs(high) * 0.05 or 0.5
        self.low, self.high = max(low - margin, -1.7e308), min(high + margin, 1.7e308)
        self.left, self.right = 0.0, _WIDTH

    def at(self, value: float) -> float:
        """The place of `value`; an infinite one lies on the edge."""
        if math.isinf(value):
            return self.right if value > 0 else self.left
        span = self.high / 2 - self.low / 2
        return self.left + (self.right - self.left) * ((value / 2 - self.low / 2) / span)

    def ticks(self) -> list[float]:
        room = max(2, min(6, int((self.right - self.left) / 70)))
        if not math.isfinite(self.high - self.low):
            return [self.low, self.high]
        found = MaxNLocator(nbins=room, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        # The locator computes 0.1 + 0.2: twelve digits are more than a tick can mean.
        return [float(f"{t:.12g}") for t in found if self.low <= t <= self.high]


def _panel(chart: IntervalChart, estimates: Sequence[Estimate], axis: _Axis, key: str) -> str:
    numbers = [_numbers(e) for e in estimates]
    labels = min(_LABEL_ROOM, max(width_of(wording.one_line(e.label)) for e in estimates)) + 14
    axis.left, axis.right = labels, _WIDTH - min(_NUMBER_ROOM, max(map(width_of, numbers))) - 22
    top = 30.0
    bottom = top + _ROW * len(estimates)
    canvas = Canvas(_WIDTH, bottom + 44)
    for index in range(0, len(estimates), 2):
        canvas.boxes([(0, top + index * _ROW, _WIDTH, _ROW)], "band")
    _draw_axis(canvas, axis, chart.axis, bottom)
    _draw_thresholds(canvas, axis, estimates, top, bottom)
    for index, (estimate, text) in enumerate(zip(estimates, numbers, strict=True)):
        y = top + (index + 0.5) * _ROW
        canvas.text(8, y, shortened(estimate.label, labels - 14))
        canvas.text(_WIDTH - 6, y, shortened(text, _NUMBER_ROOM), "muted", anchor="right")
        _draw_estimate(canvas, axis, estimate, y)
    return canvas.svg(key, chart.title, _description(chart, estimates))


def _draw_axis(canvas: Canvas, axis: _Axis, name: str, bottom: float) -> None:
    canvas.line([axis.left, axis.right], [bottom, bottom], "muted")
    for tick in axis.ticks():
        x = axis.at(tick)
        canvas.line([x, x], [bottom, bottom + 4], "muted")
        canvas.text(x, bottom + 14, wording.number(tick), "muted", size=10, anchor="center")
    middle = (axis.left + axis.right) / 2
    room = 2 * min(middle, _WIDTH - middle)
    canvas.text(middle, bottom + 33, shortened(name, room), "ink", anchor="center")


def _draw_thresholds(
    canvas: Canvas, axis: _Axis, estimates: Sequence[Estimate], top: float, bottom: float
) -> None:
    """One line where all rows share a threshold, else a stroke in each row that has one."""
    for field, words in (("at_least", "at least"), ("at_most", "at most")):
        bounds = [getattr(e, field) for e in estimates]
        if bounds[0] is not None and math.isfinite(bounds[0]) and len(set(bounds)) == 1:
            x = axis.at(bounds[0])
            canvas.line([x, x], [top - 6, bottom], "ink", dash=(0, (4, 3)))
            label = f"{words} {wording.exactly(bounds[0])}"
            half = width_of(label) / 2
            place = min(max(x, half + 4), _WIDTH - half - 4)
            canvas.text(
                place, top - 16 if field == "at_least" else top - 24, label, anchor="center"
            )
            continue
        for index, bound in enumerate(bounds):
            if bound is not None and math.isfinite(bound):
                x, y = axis.at(bound), top + index * _ROW
                canvas.line([x, x], [y + 3, y + _ROW - 3], "ink", width=1.5)


def _draw_estimate(canvas: Canvas, axis: _Axis, estimate: Estimate, y: float) -> None:
    role = "accent" if estimate.verdict is None else str(estimate.verdict)
    if not (math.isnan(estimate.lower) or math.isnan(estimate.upper)):
        ends = [axis.at(estimate.lower), axis.at(estimate.upper)]
        canvas.line(ends, [y, y], role, width=1.8)
        for end, x, arrow in zip((estimate.lower, estimate.upper), ends, "<>", strict=True):
            if math.isinf(end):
                canvas.marker(x, y, arrow, role)
            else:
                canvas.line([x, x], [y - 4, y + 4], role, width=1.8)
    if estimate.value is not None and math.isfinite(estimate.value):
        canvas.marker(axis.at(estimate.value), y, _SHAPES[estimate.verdict], role, size=8)


def _numbers(estimate: Estimate) -> str:
    ends = wording.interval((estimate.lower, estimate.upper))
    return ends if estimate.value is None else f"{wording.number(estimate.value)}  {ends}"


def _description(chart: IntervalChart, estimates: Sequence[Estimate]) -> str:
    rows = "; ".join(f"{e.label}: {_numbers(e)}" for e in estimates[:10])
    more = f"; and {len(estimates) - 10} more" if len(estimates) > 10 else ""
    return f"{wording.counted(len(estimates), 'estimate')} of {chart.axis}. {rows}{more}."


def estimates_table(chart: IntervalChart) -> Table:
    """The chart's numbers as a table."""
    rows = tuple(
        (
            e.label,
            e.value,
            wording.interval((e.lower, e.upper)),
            _bounds(e),
            str(e.verdict) if e.verdict else None,
        )
        for e in chart.estimates
    )
    return Table(chart.title, (chart.axis, "value", "interval", "asked", "verdict"), rows)


def _bounds(estimate: Estimate) -> str | None:
    asked: Mapping[str, float | None] = {
        "at least": estimate.at_least,
        "at most": estimate.at_most,
    }
    found = [f"{words} {wording.exactly(b)}" for words, b in asked.items() if b is not None]
    return ", ".join(found) or None
