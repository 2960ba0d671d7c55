"""Bars of conductance: what is drawn is what was given."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from affidavit.attribution.pictures import feature_maps
from affidavit.errors import DomainError

RIGHT, WRONG = torch.tensor([0.5, -1.0, 2.0, 0.0]), torch.tensor([1.5, 0.25, -0.5, 1.0])


def heights(figure: Figure) -> list[list[float]]:
    return [
        [bar.get_height() for bar in container]
        for axes in figure.axes
        for container in axes.containers
    ]


def test_some_maps_side_by_side(tmp_path: Path) -> None:
    figure = feature_maps({"right: $a": RIGHT, "wrong: b$": WRONG}, [2, 0], title="$x")
    assert heights(figure) == [[2.0, 0.5], [-0.5, 1.5]]
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "0"]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["right: $a", "wrong: b$"]
    figure.savefig(tmp_path / "bars.png")


def test_all_maps_one_panel_each(tmp_path: Path) -> None:
    figure = feature_maps({"right": RIGHT, "wrong": WRONG})
    assert heights(figure) == [RIGHT.tolist(), WRONG.tolist()]
    left, right = figure.axes
    assert (left.get_title(), right.get_title()) == ("right", "wrong")
    assert left.get_ylim() == right.get_ylim()
    figure.savefig(tmp_path / "panels.svg")


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(DomainError, match="the conductances are of nothing"):
        feature_maps({})
    with pytest.raises(DomainError, match=r"right \[4\], wrong \[3\]; expected"):
        feature_maps({"right": RIGHT, "wrong": WRONG[:3]})
    with pytest.raises(DomainError, match="maps names 4; expected some of 0 to 3"):
        feature_maps({"right": RIGHT}, [0, 4])
    with pytest.raises(DomainError, match="NaN or infinite"):
        feature_maps({"right": RIGHT / 0})
