"""LIME: against scikit-learn's ridge regression, and on a model that is linear in superpixels."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from tests.attribution.networks import cnn, images
from torch import Tensor, nn

from affidavit.attribution import Classifier
from affidavit.attribution.explainers import LIME
from affidavit.attribution.explainers.superpixels import grid, slic


@pytest.mark.parametrize("superpixels", ["grid", "slic"])
def test_it_is_a_weighted_ridge_regression(superpixels: Literal["grid", "slic"]) -> None:
    classifier, pixels = Classifier(cnn().double().eval()), images(1).double()
    explainer = LIME(samples=60, segments=9, superpixels=superpixels, width=0.4, ridge=0.7, seed=2)
    found = explainer(classifier, pixels, 1)[0]
    cut = grid if superpixels == "grid" else slic
    labels = cut(pixels[0], 9)
    count = int(labels.max()) + 1
    there = explainer.subsets(count).double().numpy()
    assert there[0].all()
    assert 0.35 < there[1:].mean() < 0.65
    answers, weights = [], []
    for z in there:
        image = pixels[0].clone()
        for segment in range(count):
            if not z[segment]:
                where = labels == segment
                image[:, where] = pixels[0][:, where].mean(1, keepdim=True)
        with torch.no_grad():
            answers.append(float(classifier(image[None]).softmax(1)[0, 1]))
        cosine = z.sum() / max(np.sqrt(z.sum() * count), 1e-9)
        weights.append(np.exp(-((1 - cosine) ** 2) / 0.4**2))
    fitted = Ridge(alpha=0.7).fit(there, answers, sample_weight=weights)
    expected = torch.from_numpy(fitted.coef_)[labels]
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_the_patch_that_decides_is_found() -> None:
    class Corner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            score = 4 * (x[:, :, :4, 4:8] - x.mean((2, 3), keepdim=True)).square().sum((1, 2, 3))
            return torch.stack([torch.zeros_like(score), score - 2], 1)

    found = LIME(samples=200, segments=9, superpixels="grid", ridge=0.01)(
        Classifier(Corner()), images(2, size=12), 1
    )
    inside = found[:, :4, 4:8]
    assert torch.equal(inside.amin((1, 2)), inside.amax((1, 2)))
    outside = found.clone()
    outside[:, :4, 4:8] = -1
    assert (inside[:, 0, 0] > 5 * outside.amax((1, 2)).abs()).all()


@pytest.mark.parametrize(("size", "count"), [((12, 12), 9), ((7, 20), 12), ((5, 5), 1000)])
def test_grid_cells_are_nearly_equal_rectangles(size: tuple[int, int], count: int) -> None:
    labels = grid(torch.zeros(3, *size), count)
    found, areas = labels.unique(return_counts=True)
    assert found.tolist() == list(range(len(found)))
    assert abs(len(found) - min(count, size[0] * size[1])) <= 0.35 * count or count == 1000
    for label in found:
        rows, columns = (labels == label).nonzero(as_tuple=True)
        assert len(rows) == len(rows.unique()) * len(columns.unique())
    assert areas.max() <= 4 * areas.min()


@pytest.mark.parametrize("channels", [1, 3])
def test_superpixels_follow_the_edge_between_two_colours(channels: int) -> None:
    """A slanted edge: a grid cuts across it, superpixels do not."""
    rows, columns = torch.meshgrid(torch.arange(40), torch.arange(40), indexing="ij")
    left = columns < 10 + rows / 2
    image = torch.where(left, 0.2, 0.8).expand(channels, -1, -1)
    labels = slic(image, 16)
    assert labels.unique().tolist() == list(range(int(labels.max()) + 1))
    assert 8 <= int(labels.max()) + 1 <= 16

    def mixed(found: Tensor) -> float:
        minority = 0
        for label in found.unique():
            inside = left[found == label].sum()
            minority += int(torch.minimum(inside, (found == label).sum() - inside))
        return minority / found.numel()

    assert mixed(labels) < 0.01 < mixed(grid(image, 16))


def test_superpixels_of_one_colour_are_a_grid() -> None:
    image = torch.full((3, 12, 12), 0.3)
    assert torch.equal(slic(image, 9), grid(image, 9))
