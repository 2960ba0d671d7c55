"""Masks of a stated area, their derivative, and the constants of learning with them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from affidavit.attribution.neuromask import AreaPreset, Preset, RMSProp
from affidavit.attribution.neuromask.areas import grid, resized, slope_of_scores, soft_threshold
from affidavit.errors import DomainError


@pytest.mark.parametrize("temperature", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("shape", [(4, 30), (4, 9, 7)])
def test_a_mask_has_its_area_and_the_order_of_the_scores(
    shape: tuple[int, ...], temperature: float
) -> None:
    scores = torch.randn(shape, dtype=torch.float64)
    area = torch.tensor([0.03, 0.2, 0.5, 0.97], dtype=torch.float64)
    mask = soft_threshold(scores, area, temperature)
    torch.testing.assert_close(mask.flatten(1).mean(1), area, rtol=0, atol=1e-5)
    order = scores.flatten(1).argsort(1)
    assert (mask.flatten(1).gather(1, order).diff(dim=1) >= 0).all()


def test_scores_that_are_all_equal_share_the_area() -> None:
    mask = soft_threshold(torch.zeros(2, 5, 5), torch.tensor([0.1, 0.8]), 0.3)
    expected = torch.tensor([0.1, 0.8])[:, None, None].expand(2, 5, 5)
    torch.testing.assert_close(mask, expected, rtol=0, atol=1e-5)


def test_the_slope_is_that_of_the_threshold_whose_area_is_held() -> None:
    """Against differences of the threshold itself, the offset found anew each time."""
    scores = torch.randn(1, 4, 3, dtype=torch.float64)
    weights = torch.randn(1, 4, 3, dtype=torch.float64)
    area = torch.tensor([0.3], dtype=torch.float64)

    def loss(s: torch.Tensor) -> float:
        return float((weights * soft_threshold(s, area, 0.7)).sum())

    found = slope_of_scores(soft_threshold(scores, area, 0.7), weights, 0.7)
    step = 0.01
    for at in range(scores.numel()):
        shift = torch.zeros_like(scores).flatten()
        shift[at] = step
        shift = shift.reshape(scores.shape)
        difference = (loss(scores + shift) - loss(scores - shift)) / (2 * step)
        assert difference == pytest.approx(float(found.flatten()[at]), abs=2e-4)
    # A loss of the area alone moves nothing.
    none = slope_of_scores(soft_threshold(scores, area, 0.7), torch.ones_like(scores), 0.7)
    torch.testing.assert_close(none, torch.zeros_like(none))


def test_grids() -> None:
    assert grid((224, 224), 28) == (28, 28)
    assert grid((100, 200), 50) == (25, 50)
    assert grid((8, 8), 28) == (8, 8)
    assert grid((1, 300), 10) == (1, 10)
    assert grid((30,), 14) == (14,)
    values = torch.rand(2, 5, 5)
    assert resized(values, (5, 5)) is values
    assert resized(values, (10, 20)).shape == (2, 10, 20)
    assert resized(values[:, 0], (7,)).shape == (2, 7)


def test_the_temperature_falls_and_the_areas_stay_inside() -> None:
    preset = AreaPreset(stages=((4, 3), (8, 7)), temperature=(1.0, 0.1), areas=(0.1, 0.5))
    assert preset.steps == 10
    found = [preset.temperature_at(step) for step in range(10)]
    assert found[0] == 1.0
    assert found[-1] == pytest.approx(0.1)
    assert found == sorted(found, reverse=True)
    assert preset.area_at(0) == pytest.approx(0.1)
    assert preset.area_at(1) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stages": ()}, r"stages is \(\)"),
        ({"stages": ((14, 0),)}, "stages is"),
        ({"fill_ins": ("blak",)}, r"no fill-in 'blak' \(did you mean 'black'\?\)"),
        ({"fill_ins": ()}, "at least one each"),
        ({"areas": (0.5, 0.5)}, "the smaller first"),
        ({"areas": (0.0, 0.5)}, "areas is"),
        ({"keep": 1.5}, "keep is"),
        ({"temperature": (1.0, 0.0)}, "temperature is 0.0"),
        ({"rate": -1.0}, "rate is -1.0"),
        ({"necessity": -1.0}, "expected at least 0"),
        ({"momentum": 1.0}, "momentum is 1.0"),
    ],
)
def test_constants_of_areas_that_make_no_sense(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DomainError, match=message):
        AreaPreset(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tau": 0.0}, "tau is 0.0; expected a number above 0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"sparsity": -1.0}, "sparsity is -1.0; expected a number of at least 0"),
        ({"optimiser": RMSProp(rate=0.0)}, "optimiser.rate is 0.0"),
        ({"optimiser": RMSProp(decay=1.0)}, "optimiser.decay is 1.0"),
        ({"steps": 0}, "steps is 0"),
        ({"patience": 0}, "patience 0"),
        ({"kernel": "box4"}, r"kernel is 'box4' \(did you mean 'box5'|'box3'\?\)"),
        ({"roughness": "cubed"}, "roughness is 'cubed'"),
        ({"reduction": "max"}, "known: sum, mean"),
        ({"fill_in": "white"}, "fill_in is 'white'"),
    ],
)
def test_constants_that_make_no_sense(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DomainError, match=message):
        Preset(**changes)
