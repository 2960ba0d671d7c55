from __future__ import annotations

import math
import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from affidavit.evidence import (
    Curve,
    CurveChart,
    Estimate,
    Histogram,
    HistogramChart,
    ImageGrid,
    IntervalChart,
    MatrixChart,
    Verdict,
)
from affidavit.report.curve_figure import points_table
from affidavit.report.drawing import ROLES, shortened, width_of
from affidavit.report.figures import figures, writes_all
from affidavit.report.histogram_figure import bins_table
from affidavit.report.matrix_figure import largest_cells


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg"
    return [element.text or "" for element in root.iter("text")]


def check_form(svg: str) -> None:
    """Accessible, themable, and nothing of it clashes with the page or loads from elsewhere."""
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    assert set((root.get("aria-labelledby") or "").split()) <= set(ids)
    drawn = [e for e in root.iter() if e.tag not in ("title", "desc", "text")]
    for element in drawn:
        for name, value in element.attrib.items():
            assert not re.search(r"#[0-9a-f]{6}|url\(|https?:", value), (name, value)
    assert "xlink" not in svg
    variables = set(re.findall(r"var\(--(\w+)\)", svg))
    assert variables <= set(ROLES)
    left, top, width, height = map(float, (root.get("viewBox") or "").split())
    assert (left, top) == (0, 0)
    for element in root.iter("text"):
        place = re.search(r"translate\(([-\d.]+) ([-\d.]+)\)", element.get("transform") or "")
        x, y = (
            map(float, place.groups())
            if place
            else (float(element.get("x", 0)), float(element.get("y", 0)))
        )
        assert 0 <= x <= width
        assert 0 <= y <= height


@pytest.mark.parametrize(("rows", "panels"), [(1, 1), (2, 1), (40, 1), (120, 3)])
def test_interval_chart(
    make_interval_chart: Callable[..., IntervalChart], rows: int, panels: int
) -> None:
    chart = make_interval_chart(rows)
    svgs = figures(chart, "k")
    assert len(svgs) == panels
    for svg in svgs:
        check_form(svg)
    written = [text for svg in svgs for text in texts(svg)]
    for estimate in chart.estimates:
        assert estimate.label in written
    assert "at least 0.92" in written
    assert chart.axis in written
    assert written.count("0.9") == panels  # the axis is the same in each panel
    ids = [i for svg in svgs for i in re.findall(r' id="([^"]+)"', svg)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("classes", [1, 2, 10, 100])
def test_matrix_chart(make_matrix_chart: Callable[..., MatrixChart], classes: int) -> None:
    chart = make_matrix_chart(classes)
    (svg,) = figures(chart, "k")
    check_form(svg)
    written = texts(svg)
    assert chart.row_axis in written
    assert chart.row_names[0] in written
    assert (str(chart.counts[0][0]) in written) == (classes <= 10)
    assert writes_all(chart) == (classes <= 10)


@pytest.mark.parametrize("points", [1, 2, 30])
def test_curve_chart(make_curve_chart: Callable[..., CurveChart], points: int) -> None:
    chart = make_curve_chart(points)
    (svg,) = figures(chart, "k")
    check_form(svg)
    written = texts(svg)
    for text in (chart.x_axis, chart.y_axis, "at least 0.9", *(c.label for c in chart.curves)):
        assert text in written
    dashes = set(re.findall(r"stroke-dasharray: [^;]*", svg))
    assert len(dashes) >= 2  # curves differ without their colours
    assert not writes_all(chart)


def test_curves_lie_where_their_points_are() -> None:
    chart = CurveChart("t", "x", "y", (Curve("c", (0.0, 1.0, 3.0), (0.0, 0.5, 0.25)),))
    (svg,) = figures(chart, "k")
    line = max(re.findall(r'd="(M [^"]*)"', svg), key=lambda d: d.count("L"))
    (ax, ay), (bx, by), (cx, cy) = (
        tuple(map(float, pair.split())) for pair in re.findall(r"[ML] ([\d.]+ [\d.]+)", line)[:3]
    )
    assert (cx - ax) == pytest.approx(3 * (bx - ax), rel=1e-3)
    assert (ay - by) == pytest.approx(2 * (ay - cy), rel=1e-3)
    assert by < cy < ay  # upwards is more


def test_undefined_points_leave_a_gap_and_lack_no_row() -> None:
    y = (0.9, math.nan, 0.7, math.inf)
    chart = CurveChart(
        "t", "x", "y", (Curve("a", (1.0, 2.0, 3.0, 4.0), y), Curve("b", (2.0,), (0.5,)))
    )
    (svg,) = figures(chart, "k")
    check_form(svg)
    assert not re.search(r"\b(nan|inf)\b", re.sub(r"<(title|desc|text).*?</\1>", "", svg))
    table = points_table(chart)
    assert table.columns == ("x", "a", "b")
    assert [row[2] for row in table.rows] == [None, 0.5, None, None]


@pytest.mark.parametrize("bins", [2, 20, 100])
def test_histogram_chart(make_histogram_chart: Callable[..., HistogramChart], bins: int) -> None:
    chart = make_histogram_chart(bins)
    (svg,) = figures(chart, "k")
    check_form(svg)
    written = texts(svg)
    assert chart.axis in written
    assert "threshold 0.15" in written
    for group in chart.groups:
        assert f"{group.label} ({sum(group.counts)})" in written
    table = bins_table(chart)
    assert [sum(int(cell or 0) for cell in row[2:]) for row in table.rows] == [
        sum(group.counts[i] for group in chart.groups) for i in range(bins)
    ]
    assert not writes_all(chart)


def test_bars_are_shares_of_their_group() -> None:
    groups = (Histogram("a", (30, 10)), Histogram("b", (1, 3)))
    (svg,) = figures(HistogramChart("t", "x", (0.0, 1.0, 2.0), groups), "k")
    bars = []
    for path in re.findall(r'd="(M [^"]*)"', svg):
        if path.count("M") == 2:  # two bins as one path, from the top left
            points = re.findall(r"[ML] ([\d.]+) ([\d.]+)", path)
            corners = [points[:4], points[-4:]]
            bars.append([float(c[2][1]) - float(c[0][1]) for c in corners])
    (a, b), (c, d) = bars
    assert a == pytest.approx(3 * b, rel=1e-3)
    assert d == pytest.approx(3 * c, rel=1e-3)
    assert a == pytest.approx(d, rel=1e-3)


@pytest.mark.parametrize("threshold", [-math.inf, -5.0, 0.0, 2.0, 9.0, math.inf, math.nan])
def test_a_threshold_outside_of_the_bins_lies_on_the_edge(threshold: float) -> None:
    groups = (Histogram("a", (3, 1)), Histogram("none", (0, 0)))
    (svg,) = figures(HistogramChart("t", "x", (0.0, 1.0, 2.0), groups, threshold), "k")
    check_form(svg)
    assert not re.search(r"\bnan\b", svg)
    assert ("threshold" in svg) != math.isnan(threshold)


@pytest.mark.parametrize(("rows", "panels"), [(1, 1), (6, 1), (8, 2)])
def test_image_grid(make_image_grid: Callable[..., ImageGrid], rows: int, panels: int) -> None:
    grid = make_image_grid(rows)
    svgs = figures(grid, "k")
    assert len(svgs) == panels
    shown = []
    for svg in svgs:
        check_form(svg)
        images = list(ElementTree.fromstring(svg).iter("image"))
        shown += [image.get("href") for image in images]
        places = [(float(i.get("x", 0)), float(i.get("y", 0))) for i in images]
        assert len(set(places)) == len(images)
        assert {"mask", "kept"} <= set(texts(svg))
    assert shown == [f"data:image/png;base64,{png}" for r in grid.rows for png in r.images if png]
    written = [text for svg in svgs for text in texts(svg)]
    assert written.count("second line") == rows
    assert writes_all(grid)


def test_same_chart_same_bytes_and_other_key_other_ids(
    make_interval_chart: Callable[..., IntervalChart],
) -> None:
    chart = make_interval_chart(5)
    assert figures(chart, "a") == figures(chart, "a")
    ids = [set(re.findall(r' id="([^"]+)"', figures(chart, key)[0])) for key in "ab"]
    assert not ids[0] & ids[1]


def test_extreme_values() -> None:
    estimates = (
        Estimate("unbounded", 0.0, -math.inf, math.inf),
        Estimate("undefined", math.nan, math.nan, 1.0, 0.5, None, Verdict.VIOLATED),
        Estimate("huge", None, -1.7e308, 1.7e308, None, 3.0, Verdict.HOLDS),
        Estimate("point", 1.0, 1.0, 1.0, math.inf, -math.inf),
        Estimate("tiny", 5e-324, 0.0, 5e-324),
    )
    for shown in (estimates, *[(estimate,) for estimate in estimates]):
        (svg,) = figures(IntervalChart("t", "axis", shown), "k")
        check_form(svg)
        assert not re.search(r"\b(nan|inf)\b", re.sub(r"<(title|desc|text).*?</\1>", "", svg))


def test_shapes_tell_verdicts_apart_without_colour() -> None:
    shapes = set()
    for verdict in Verdict:
        chart = IntervalChart("t", "a", (Estimate("x", 0.5, 0.4, 0.6, verdict=verdict),))
        (svg,) = figures(chart, "k")
        path = ElementTree.fromstring(svg).find(".//defs/path")
        shapes.add(path.get("d") if path is not None else None)
        assert f"var(--{verdict})" in svg
    assert len(shapes) == 3


def test_hostile_text(
    make_interval_chart: Callable[..., IntervalChart],
    make_matrix_chart: Callable[..., MatrixChart],
    make_curve_chart: Callable[..., CurveChart],
    make_histogram_chart: Callable[..., HistogramChart],
    make_image_grid: Callable[..., ImageGrid],
    hostile: str,
) -> None:
    charts = (
        make_image_grid(2, hostile),
        make_interval_chart(3, hostile),
        make_matrix_chart(3, hostile),
        make_curve_chart(3, hostile),
        make_histogram_chart(3, hostile),
    )
    for chart in charts:
        for svg in figures(chart, "k"):
            check_form(svg)
            assert "<script" not in svg
            assert "<img" not in svg
            assert not writes_all(chart)


def test_colours_named_in_a_label_stay_text() -> None:
    label = f'{ROLES["ink"]} style="fill: {ROLES["rule"]}"'
    (svg,) = figures(IntervalChart("t", "a", (Estimate(label, 0.5, 0.4, 0.6),)), "k")
    assert any(text.startswith(ROLES["ink"]) for text in texts(svg))


def test_empty_charts(
    make_interval_chart: Callable[..., IntervalChart],
    make_matrix_chart: Callable[..., MatrixChart],
    make_curve_chart: Callable[..., CurveChart],
) -> None:
    assert figures(make_curve_chart(0), "k") == ()
    assert figures(make_interval_chart(0), "k") == ()
    assert figures(make_matrix_chart(0), "k") == ()


def test_drawing_leaves_matplotlib_as_it_was(
    make_interval_chart: Callable[..., IntervalChart],
) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    figures(make_interval_chart(2), "k")
    assert dict(matplotlib.rcParams) == before


def test_largest_cells() -> None:
    names = ("a", "b")
    square = MatrixChart("t", "r", "c", names, names, ((9, 2), (3, 8)))
    assert largest_cells(square) == [("b", "a", 3), ("a", "b", 2)]
    assert largest_cells(MatrixChart("t", "r", "c", names, ("x",), ((1,), (4,))), 1) == [
        ("b", "x", 4)
    ]


def test_shortened() -> None:
    assert shortened("short", 100) == "short"
    cut = shortened("a long label " * 20, 100)
    assert cut.endswith("…")
    assert width_of(cut) <= 100
    assert shortened("中文" * 50, 100).count("中") < 6
