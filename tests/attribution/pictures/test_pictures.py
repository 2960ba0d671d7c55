"""Pictures of explanations: what is drawn is what was given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor

from affidavit.attribution.evaluation import Curve
from affidavit.attribution.neuromask import Masks
from affidavit.attribution.pictures import comparison_grid, curves, learning_progress, panel
from affidavit.errors import DomainError


def saved(figure: Figure, tmp_path: Path) -> None:
    for ending in ("png", "svg"):
        figure.savefig(tmp_path / f"figure.{ending}")
        assert (tmp_path / f"figure.{ending}").stat().st_size > 1000


def shown(figure: Figure) -> dict[str, Any]:
    return {axes.get_title(): np.asarray(axes.images[0].get_array()) for axes in figure.axes}


def image(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(3, 6, 5), (1, 6, 5), (6, 5)])
def test_a_panel(shape: tuple[int, ...], tmp_path: Path) -> None:
    x, mask = image(*shape), image(6, 5).sqrt()
    figure = panel(x, mask, title="row $3$", name="neuromask")
    seen = shown(figure)
    assert list(seen) == ["image", "neuromask", "masked image", "overlay"]
    plain = x.reshape(-1, 6, 5).permute(1, 2, 0).squeeze(-1).numpy()
    np.testing.assert_allclose(seen["image"], plain)
    np.testing.assert_allclose(seen["neuromask"], mask.numpy())
    factor = mask.numpy().reshape(6, 5, *(1,) * (plain.ndim - 2))
    np.testing.assert_allclose(seen["masked image"], plain * factor)
    assert seen["overlay"].shape == (6, 5, 3)
    saved(figure, tmp_path)


def test_a_panel_of_what_is_no_mask() -> None:
    x, found = 2 * image(3, 8, 8) - 1, image(8, 8) * 10 - 5
    with pytest.raises(DomainError, match=r"is no mask: say which share.*share="):
        panel(x, found, data_range=(-1, 1))
    seen = shown(panel(x, found, share=0.25, fill="grey", data_range=(-1, 1)))
    kept = seen["top 25 %"]
    grey = np.isclose(kept, 0.5).all(-1)
    assert (~grey).sum() == 16
    assert found.numpy()[~grey].min() > found.numpy()[grey].max()
    np.testing.assert_allclose(kept[~grey], seen["image"][~grey])
    # What speaks against the class is nothing; a few single pixels do not set the scale.
    assert (seen["mask"][found.numpy() <= 0] == 0).all()
    assert seen["mask"].max() == 1


def test_a_grid(tmp_path: Path) -> None:
    images = image(2, 1, 6, 6)
    methods = {"neuromask": image(2, 6, 6), "saliency": image(2, 6, 6) * 4}
    figure = comparison_grid(images, methods, labels=["a $b$", "c"], title="two")
    assert [axes.get_title() for axes in figure.axes] == ["image", *methods, "", "", ""]
    assert [axes.get_ylabel() for axes in figure.axes] == ["a $b$", "", "", "c", "", ""]
    drawn = np.asarray(figure.axes[4].images[0].get_array())
    np.testing.assert_allclose(drawn, methods["neuromask"][1].numpy())
    saved(figure, tmp_path)
    several = comparison_grid([image(3, 4, 4), image(5, 7)], {"m": [image(4, 4), image(5, 7)]})
    assert len(several.axes) == 4
    overlay = comparison_grid(images, methods, style="overlay")
    assert np.asarray(overlay.axes[1].images[0].get_array()).shape == (6, 6, 3)


def test_small_numbers_of_another_kind_can_be_seen() -> None:
    # As of averaged gradients: all in [0, 1], and black all over if they were taken for a mask.
    small = torch.linspace(1e-4, 0.04, 100).reshape(1, 10, 10)
    figure = comparison_grid(image(1, 1, 10, 10), {"small": small, "mask": small * 20})
    drawn = [np.asarray(axes.images[0].get_array()) for axes in figure.axes[1:]]
    assert drawn[0].min() == 0
    assert drawn[0].max() == 1
    np.testing.assert_allclose(drawn[1], (small * 20)[0])
    # One by itself is shown as it is, however dark.
    shown = np.asarray(panel(image(1, 10, 10), small[0]).axes[1].images[0].get_array())
    np.testing.assert_allclose(shown, small[0])


def a_history() -> Masks:
    steps = 30
    terms = {"prediction": torch.rand(steps, 2), "sparsity": torch.rand(steps, 2)}
    history = {step: torch.full((2, 4, 4), step, dtype=torch.uint8) for step in range(0, 31, 3)}
    target = torch.zeros(2, dtype=torch.long)
    losses = terms["prediction"] + terms["sparsity"]
    return Masks(torch.rand(2, 4, 4), target, losses, terms, target + steps, history)


def test_learning(tmp_path: Path) -> None:
    masks = a_history()
    figure = learning_progress(masks, 1, image=image(3, 4, 4), most=4, title="learning")
    saved(figure, tmp_path)
    *panels, losses = (axes for part in figure.subfigs for axes in part.axes)
    assert [axes.get_title() for axes in panels] == [
        "image", "step 0", "step 9", "step 18", "step 30",
    ]  # fmt: skip
    assert np.asarray(panels[-1].images[0].get_array()).max() == pytest.approx(30 / 255)
    lines = {line.get_label(): line.get_ydata() for line in losses.lines}
    np.testing.assert_allclose(np.asarray(lines["loss"]), masks.losses[:, 1])
    np.testing.assert_allclose(np.asarray(lines["sparsity"]), masks.terms["sparsity"][:, 1])


def test_a_loss_that_falls_a_thousandfold_has_a_logarithmic_axis() -> None:
    masks = a_history()
    scales = []
    for factor in (1.0, 1000.0):
        losses = torch.linspace(1, 2, 30)[:, None].expand(30, 2).clone()
        losses[0] *= factor
        figure = learning_progress(replace(masks, losses=losses), 0)
        scales.append(figure.subfigs[1].axes[0].get_yscale())
    assert scales == ["linear", "log"]


def a_curve(batch: int) -> Curve:
    shares = torch.linspace(0, 1, 11)
    values = torch.rand(batch, 11, generator=torch.Generator().manual_seed(batch))
    return Curve(shares, values, values > 0.5)


def test_curves(tmp_path: Path) -> None:
    found = {"neuromask": a_curve(3), "random": a_curve(2)}
    figure = curves(found, {name: a_curve(3) for name in found}, title="curves")
    left, right = figure.axes
    assert len(left.lines) == 3 + 1 + 2 + 1
    assert len(right.lines) == 8
    legend = left.get_legend()
    assert legend is not None
    area = float(found["neuromask"].area.mean())
    assert legend.get_texts()[0].get_text() == f"neuromask ({area:.3f})"
    np.testing.assert_allclose(
        np.asarray(left.lines[3].get_ydata()), found["neuromask"].probability.mean(0)
    )
    assert left.lines[3].get_linestyle() != left.lines[-1].get_linestyle()
    saved(figure, tmp_path)
    assert len(curves(found, found, each=False).axes[0].lines) == 2


def test_what_cannot_be_drawn() -> None:
    x, mask = image(3, 4, 4), image(4, 4)
    for call, message in (
        (lambda: panel(x[None], mask), r"the image has the shape \[1, 3, 4, 4\]"),
        (lambda: panel(x, mask[:2]), r"\[2, 4\]; expected that of the image, \[4, 4\]"),
        (lambda: panel(x, mask * np.nan), "with finite values"),
        (lambda: panel(x, mask, share=1.5), "share is 1.5; expected a number from 0 to 1"),
        (lambda: panel(x, mask, fill="blak"), "there is no fill-in 'blak'"),
        (lambda: comparison_grid(x[None], {}), "at least one image and one method"),
        (lambda: comparison_grid(x[None], {"m": []}), "m: 0 for 1 images"),
        (lambda: comparison_grid(x[None], {"m": [mask]}, style="x"), "style is 'x'"),  # type: ignore[arg-type]
        (lambda: learning_progress(a_history(), 2), "index is 2; there are 2 inputs"),
        (lambda: curves({"a": a_curve(1)}, {}), "deletion has curves of a, insertion of nothing"),
        (lambda: curves({"a": a_curve(0)}, {"a": a_curve(1)}), "a: a curve of no images"),
    ):
        with pytest.raises(DomainError, match=message):
            call()
    none = Masks(mask[None], torch.zeros(1), mask[:, :1], {}, torch.zeros(1))
    with pytest.raises(DomainError, match="there is no history"):
        learning_progress(none)


def test_an_attribution_that_says_nothing_is_drawn() -> None:
    for value in (0.0, -2.0, 3.0):
        shades = shown(panel(image(3, 4, 4), torch.full((4, 4), value), share=0.5))["mask"]
        assert np.isfinite(shades).all()
