"""What charts have in common: words are taken as they are, lines differ in more than colour."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import pytest

from affidavit.plotting import charts, colours

MATHS = r"$\frac$"
"""Matplotlib fails to draw this where it reads it as mathematics."""


def drawn(figure: Any) -> None:
    figure.savefig(io.BytesIO(), format="svg")


def test_a_figure_and_its_title() -> None:
    figure = charts.figure(3, 2, MATHS)
    assert figure.get_suptitle() == MATHS
    assert figure.get_size_inches().tolist() == [3, 2]
    drawn(figure)
    assert charts.figure(3, 2).get_suptitle() == ""


def test_axes_come_as_matplotlib_gives_them() -> None:
    figure, axes = charts.subplots(3, 2, "title")
    assert figure.axes == [axes]
    assert figure.get_suptitle() == "title"
    figure, (left, right) = charts.subplots(3, 2, columns=2, sharey=True)
    left.set_ylim(4, 5)
    assert right.get_ylim() == (4, 5)
    _, grid = charts.subplots(3, 2, "", 2, 1, squeeze=False)
    assert grid.shape == (2, 1)


def test_names_are_literal() -> None:
    figure, axes = charts.subplots(3, 2)
    axes.plot([0, 1], [0, 1], label=MATHS)
    charts.panel_title(axes, MATHS)
    charts.name_rows(axes, [MATHS, "b"])
    charts.legend(axes, "of", "lower right")
    assert [text.get_text() for text in axes.get_yticklabels()] == [MATHS, "b"]
    assert axes.get_yticks().tolist() == [0, 1]
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [MATHS]
    assert legend.get_title().get_text() == "of"
    drawn(figure)


@pytest.mark.parametrize("count", [1, 4, 9])
def test_no_two_lines_look_alike(count: int) -> None:
    found = charts.looks(count, 2.5)
    assert len({tuple(look["color"]) for look in found}) == count
    for one, other in pairwise(found):
        assert one["linestyle"] != other["linestyle"]
    _, axes = charts.subplots(3, 2)
    for look in found:
        axes.plot([0, 1], **look)
    assert {line.get_linewidth() for line in axes.lines} == {2.5}


@pytest.mark.parametrize("grid", ["x", "y", "both"])
def test_plain_axes(grid: str) -> None:
    figure, axes = charts.subplots(3, 2)
    charts.plain(axes, grid)
    seen = {side for side, spine in axes.spines.items() if spine.get_visible()}
    assert seen == {"left", "bottom"}
    drawn(figure)
    for name in "xy":
        lines = getattr(axes, f"get_{name}gridlines")()
        assert lines[0].get_visible() == (grid in (name, "both"))
        if grid in (name, "both"):
            assert lines[0].get_color() == colours.GRID


def test_shares_as_per_cent() -> None:
    _, axes = charts.subplots(3, 2)
    charts.percent(axes, "y")
    assert axes.yaxis.get_major_formatter()(0.25, 0).startswith("25")
    assert "%" in axes.yaxis.get_major_formatter()(0.25, 0)
    assert "%" not in axes.xaxis.get_major_formatter()(0.25, 0)
