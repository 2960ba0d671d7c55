"""Colours: told apart in hue and in lightness."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv, to_rgb

from affidavit.plotting import colours

LIGHTNESS = np.array([0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("count", [2, 3, 6, 10])
def test_class_colours_rise_in_lightness(count: int) -> None:
    light = colours.of_classes(count) @ LIGHTNESS
    assert (np.diff(light) > 0.4 / count).all()


def test_signs_differ_in_hue_as_well_as_in_lightness() -> None:
    negative, nothing, positive = colours.of_weights(np.array([-1.0, 0, 1]), 1.0)
    assert abs(rgb_to_hsv(negative)[0] - rgb_to_hsv(positive)[0]) > 0.4
    assert nothing.min() > 0.9 > max(negative.max(), positive.max())


@pytest.mark.parametrize("count", [1, 2, 5])
def test_lines_are_darker_than_the_palest_class(count: int) -> None:
    light = colours.of_lines(count) @ LIGHTNESS
    palest = colours.of_classes(2)[-1] @ LIGHTNESS
    assert len(light) == count
    assert light.max() < palest - 0.4 / (count + 1)


def test_the_first_rank_is_the_darkest() -> None:
    for count in (1, 2, 7):
        light = colours.of_ranks(count) @ LIGHTNESS
        assert len(light) == count
        assert (np.diff(light) > 0).all()
        assert light[0] < 0.2


def test_greys_go_from_dark_to_light() -> None:
    names = (colours.INK, colours.RULE, colours.QUIET, colours.GRID)
    light = np.array([to_rgb(name) for name in names]) @ LIGHTNESS
    assert (np.diff(light) > 0.15).all()
