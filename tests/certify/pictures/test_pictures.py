"""Pictures of certificates: what is drawn is what was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from affidavit.certify.pictures import bound_bars, bound_maps, share_curves
from affidavit.errors import DomainError

Array = np.ndarray[Any, np.dtype[np.float64]]


def bounds(*shape: int) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(0)
    middle = rng.normal(size=shape)
    return middle - rng.uniform(0, 1, shape), middle, middle + rng.uniform(0, 1, shape)


def saved(figure: Figure, tmp_path: Path) -> None:
    for ending in ("png", "svg"):
        figure.savefig(tmp_path / f"figure.{ending}")
        assert (tmp_path / f"figure.{ending}").stat().st_size > 1000


def test_shares(tmp_path: Path) -> None:
    figure = share_curves([0, 0.1, 0.2], [0.9, 0.5, 0.1], [0.9, 0.8, 0.4], at_least=0.6)
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["certified"].get_ydata()) == [0.9, 0.5, 0.1]  # type: ignore[arg-type]
    assert list(lines["not refuted by an attack"].get_ydata()) == [0.9, 0.8, 0.4]  # type: ignore[arg-type]
    assert lines["certified"].get_linestyle() != lines["not refuted by an attack"].get_linestyle()
    assert axes.get_xlabel() == "ε"
    assert len(axes.collections) == 1  # the gap
    saved(figure, tmp_path)
    assert len(share_curves([0.1], [0.5], sign="γ").axes[0].lines) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0.5]), r"certified has the shape \[1\]; expected a share for each of the 2"),
        (([1, 0], [0.5, 0.4]), "sizes that increase"),
        (([0, 1], [0.5, 1.4]), r"outside of \[0, 1\]"),
        (([0, 1], [0.5, 0.4], [0.4, 0.4]), "more inputs are certified than were not refuted"),
    ],
)
def test_shares_that_mean_nothing(arguments: Any, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        share_curves(*arguments)


def test_bars_put_the_largest_first(tmp_path: Path) -> None:
    low, middle, high = np.array([-1, 0.5, 2]), np.array([0.0, 0.6, 2.5]), np.array([1, 0.7, 3.0])
    figure = bound_bars(low, middle, high, names=["a", "$b$", "c"], most=2, title="row $3$")
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["c", "a"]
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]  # type: ignore[attr-defined]
    assert bars == [(2.0, 3.0), (-1.0, 1.0)]
    # The sign of `a` is not certain: it looks different.
    colours = [bar.get_facecolor() for bar in axes.patches]
    assert colours[0] != colours[1]
    assert "1 further features left out" in figure.get_suptitle()
    saved(figure, tmp_path)


def test_maps_share_a_scale(tmp_path: Path) -> None:
    low, middle, high = bounds(3, 6, 5)
    image = np.random.default_rng(1).uniform(size=(3, 6, 5))
    figure = bound_maps(low, middle, high, image=image, title="row 3")
    panels = {axes.get_title(): axes.images[0] for axes in figure.axes if axes.images}
    assert list(panels) == ["input", "lower bound", "explanation", "upper bound", "width δ"]
    np.testing.assert_allclose(np.asarray(panels["explanation"].get_array()), middle.mean(0))
    np.testing.assert_allclose(np.asarray(panels["width δ"].get_array()), (high - low).mean(0))
    limits = {panels[name].get_clim() for name in ("lower bound", "explanation", "upper bound")}
    assert len(limits) == 1
    ((least, most),) = limits
    assert least == -most
    saved(figure, tmp_path)
    last = bound_maps(*(np.moveaxis(a, 0, -1) for a in (low, middle, high)), channels_last=True)
    shown = next(axes.images[0] for axes in last.axes if axes.get_title() == "explanation")
    np.testing.assert_allclose(np.asarray(shown.get_array()), middle.mean(0))


def test_what_cannot_be_drawn() -> None:
    low, middle, high = bounds(4, 3)
    with pytest.raises(DomainError, match="expected one shape"):
        bound_bars(low[:2], middle, high)
    with pytest.raises(DomainError, match="leaves its bounds"):
        bound_bars(low, high + 1, high)
    with pytest.raises(DomainError, match="NaN or infinite"):
        bound_maps(low, middle, high + np.inf)
    with pytest.raises(DomainError, match="5 names for 12 features"):
        bound_bars(low, middle, high, names=list("abcde"))
    with pytest.raises(DomainError, match="expected those of an image"):
        bound_maps(low[0], middle[0], high[0])
    with pytest.raises(DomainError, match=r"the image has the shape \[4\]"):
        bound_maps(low, middle, high, image=np.zeros(4))
