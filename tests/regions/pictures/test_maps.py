"""Maps and bars: what is drawn is what the network does."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from tests.regions.pictures.conftest import network

from affidavit import regions
from affidavit.errors import DomainError
from affidavit.plotting import colours
from affidavit.regions import pictures
from affidavit.regions.domain import Array
from affidavit.regions.feature_weights import ranked
from affidavit.regions.pictures.weights import decisions, weights

RANGES = (np.full(5, -2.0), np.array([1.0, 2, 3, 4, 5]))


def pixels(figure: Figure, points: Array) -> Array:
    """Colours, in [0, 1], that a figure shows at points of its first axes."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi)
    with image.open(buffer) as picture:
        shown = np.asarray(picture.convert("RGB")) / 255
    place = figure.axes[0].transData.transform(points)
    result: Array = shown[len(shown) - 1 - place[:, 1].astype(int), place[:, 0].astype(int)]
    return result


def inner(partition: regions.Partition, least: float = 0.03) -> np.ndarray:
    """Regions wide enough for their middle to be no border."""
    found = np.flatnonzero(partition.radii > least)
    assert len(found) > 3
    return found


def in_map(partition: regions.Partition, index: np.ndarray) -> Array:
    place: Array = partition.frame.center + partition.frame.half * partition.centers[index]
    return place


def test_the_decision_map_shows_the_largest_output(square: regions.Partition) -> None:
    chosen = inner(square)
    x = torch.from_numpy(square.inputs(chosen))
    expected = network(2, 3, 3)(x).argmax(1).numpy()
    assert len(np.unique(expected)) == 3
    shown = pixels(pictures.decision_map(square), in_map(square, chosen))
    np.testing.assert_allclose(shown, colours.of_classes(3)[expected], atol=0.01)


def by_hand(net: torch.nn.Module, x: Array, output: Any, wide: Array) -> Array:
    """Weights by automatic differentiation at one input."""
    point = torch.from_numpy(x).requires_grad_()
    y = net(point[None])[0]
    value = y[output[0]] - y[output[1]] if isinstance(output, tuple) else y[output]
    (slope,) = torch.autograd.grad(value, point)
    found: Array = slope.numpy() * wide
    return found


@pytest.mark.parametrize("output", [0, 1, (1, 0)])
def test_the_rank_map_shows_the_order_of_the_gradient(
    slice_: regions.Partition, output: Any
) -> None:
    chosen, net = inner(slice_), network(5, 2, 1)
    wide = RANGES[1] - RANGES[0]
    for feature in (1, 4):
        found = [by_hand(net, x, output, wide) for x in slice_.inputs(chosen)]
        place = [1 + int((np.abs(w) > abs(w[feature])).sum()) for w in found]
        figure = pictures.rank_map(slice_, feature, output, ranges=RANGES)
        shown = pixels(figure, in_map(slice_, chosen))
        np.testing.assert_allclose(shown, colours.of_ranks(5)[np.array(place) - 1], atol=0.01)


def test_the_weight_map_shows_sign_and_size(slice_: regions.Partition) -> None:
    chosen, net = inner(slice_), network(5, 2, 1)
    every = np.array([by_hand(net, x, 0, RANGES[1] - RANGES[0])[2] for x in slice_.inputs()])
    figure = pictures.weight_map(slice_, 2, 0, ranges=RANGES)
    expected = colours.of_weights(every[chosen], np.abs(every).max())
    np.testing.assert_allclose(pixels(figure, in_map(slice_, chosen)), expected, atol=0.02)


def lengths(axes: Any) -> list[float]:
    """Of the bars of one panel."""
    return [float(bar.get_width()) for bar in axes.patches]


def test_bars_are_the_weights_of_marked_regions(slice_: regions.Partition) -> None:
    points = np.array([[0.0, 0.0], [1.5, -2.0]])
    figure = pictures.weight_bars(slice_, points, 1, ranges=RANGES, names=list("abcde"))
    _, *panels = figure.axes
    assert len(panels) == 2
    assert [text.get_text() for text in panels[0].get_yticklabels()] == list("abcde")
    for axes, (x3, x1) in zip(panels, points, strict=True):
        x = np.linspace(-1, 1, 5)
        x[3], x[1] = x3, x1
        expected = by_hand(network(5, 2, 1), x, 1, RANGES[1] - RANGES[0])
        np.testing.assert_allclose(lengths(axes), expected)
    same = pictures.weight_bars(slice_, slice_.locate(points), 1, ranges=RANGES)
    assert lengths(same.axes[1]) == lengths(figure.axes[1])


def test_classes_and_axes_are_named_literally(square: regions.Partition) -> None:
    figure = pictures.decision_map(
        square, names=["$x^2$", r"$\frac$"], classes=["low $", "$\\bad$", "high"]
    )
    figure.savefig(io.BytesIO(), format="svg")
    assert figure.axes[0].get_xlabel() == "$x^2$"
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    there = np.unique(decisions(square))
    assert shown == [["low $", "$\\bad$", "high"][index] for index in there]


def test_a_feature_with_no_range_ranks_behind_all_others() -> None:
    found = ranked(np.array([[0.0, -3.0, 2.0, 2.0]]))
    assert found.tolist() == [[4, 1, 2, 3]]


def test_weights_of_the_decided_output(square: regions.Partition) -> None:
    slopes, _ = square.maps()
    decided = decisions(square)
    found = weights(square, None)
    for index in range(len(square)):
        np.testing.assert_allclose(found[index], slopes[index, decided[index]] * 8)


WRONG: list[tuple[Callable[..., object], str]] = [
    (lambda s, p: pictures.decision_map(p), "does not tell decisions apart"),
    (lambda s, p: pictures.decision_map(s, names=["a"]), "1 names for 2 features"),
    (lambda s, p: pictures.decision_map(s, classes=["a"]), "1 names for 3 classes"),
    (lambda s, p: pictures.rank_map(p, 0), "feature 0 is held fixed.*ranges"),
    (lambda s, p: pictures.rank_map(p, 9), "feature 9: the network has the features 0 to 4"),
    (lambda s, p: pictures.rank_map(p, "ago", names=["age", *"bcde"]), "did you mean 'age'"),
    (lambda s, p: pictures.rank_map(p, 3, 2), "output 2: the network has the outputs 0 to 1"),
    (lambda s, p: pictures.rank_map(p, 3, ranges=([0], [1])), "bounds of 5 features, got 1"),
    (lambda s, p: pictures.rank_map(p, 3, ranges=([1] * 5, [0] * 5)), "not above the upper"),
    (lambda s, p: pictures.weight_map(p, 3, None), "does not tell decisions apart"),
    (lambda s, p: pictures.weight_bars(s, []), "expected indices of regions"),
    (lambda s, p: pictures.weight_bars(s, [-1]), "regions 0 to"),
    (lambda s, p: pictures.weight_bars(s, list(range(9))), "9 regions are marked"),
    (lambda s, p: pictures.weight_bars(s, [[99.0, 0.0]]), "lies in no region"),
]


@pytest.mark.parametrize(("call", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_cannot_be_drawn_is_told(
    square: regions.Partition,
    slice_: regions.Partition,
    call: Callable[..., object],
    message: str,
) -> None:
    with pytest.raises(DomainError, match=message):
        call(square, slice_)
