"""RISE: against its equations written out."""

from __future__ import annotations

import math

import pytest
import torch
from tests.attribution.networks import cnn, images
from tests.reference.random_masks import enlarged, saliency
from torch import Tensor, nn

from affidavit.attribution import Classifier, Preprocessing
from affidavit.attribution.explainers import RISE


@pytest.mark.parametrize("size", [(9, 9), (10, 7)])
def test_the_masks_are_enlarged_grids_cut_at_random(size: tuple[int, int]) -> None:
    explainer = RISE(masks=5, cells=3, keep=0.4, batch_size=2, seed=7)
    found = torch.cat(list(explainer.drawn(torch.zeros(1, 3, *size, dtype=torch.float64))))
    generator = torch.Generator().manual_seed(7)
    grids = torch.rand(5, 1, 3, 3, generator=generator, dtype=torch.float64) < 0.4
    high, wide = (math.ceil(length / 3) for length in size)
    tops = torch.randint(high, (5,), generator=generator).tolist()
    lefts = torch.randint(wide, (5,), generator=generator).tolist()
    for mask, grid, top, left in zip(found, grids, tops, lefts, strict=True):
        large = torch.tensor(enlarged(grid[0].double().tolist(), 4 * high, 4 * wide)).double()
        expected = large[top : top + size[0], left : left + size[1]]
        torch.testing.assert_close(mask, expected, rtol=0, atol=1e-6)


def test_it_is_the_equation() -> None:
    model, pixels = cnn().double().eval(), images(2, size=6).double()
    how = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    explainer = RISE(masks=8, cells=2, keep=0.3, batch_size=3, seed=1)
    target = torch.tensor([2, 0])
    found = explainer(Classifier(model, how), pixels, target)
    x = how(pixels)
    masks = list(torch.cat(list(explainer.drawn(x))))
    for row in range(2):

        def chance(image: Tensor, wanted: int = int(target[row])) -> float:
            with torch.no_grad():
                return float(model(image[None]).softmax(1)[0, wanted])

        expected = torch.tensor(saliency(chance, x[row], masks, 0.3), dtype=torch.float64)
        torch.testing.assert_close(found[row], expected)


def test_a_constant_model_gives_the_mean_mask() -> None:
    class Same(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros(len(x), 4)

    found = RISE(masks=3000, cells=3)(Classifier(Same()), images(1, size=6), 1)
    torch.testing.assert_close(found, torch.full_like(found, 0.25), rtol=0, atol=0.02)
