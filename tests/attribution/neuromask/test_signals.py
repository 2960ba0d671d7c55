"""Masks on signals: the bump that decides is found, with every fill-in that has a meaning there."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from affidavit.attribution import Classifier, learn_masks
from affidavit.attribution.evaluation import deletion, insertion

LENGTH, WIDTH = 40, 6
BUMP = torch.hann_window(WIDTH, periodic=False)


class FindsBumps(nn.Module):
    """Class 1 where a bump is anywhere in the first `reach` places, by a matched filter."""

    def __init__(self, reach: int = LENGTH) -> None:
        super().__init__()
        self.reach = reach
        matched = BUMP - BUMP.mean()
        self.register_buffer("filter", (matched / (matched * BUMP).sum())[None, None])

    def forward(self, x: Tensor) -> Tensor:
        seen = x[..., : self.reach].mean(1, keepdim=True)
        best = nn.functional.conv1d(seen, self.get_buffer("filter")).flatten(1).amax(1)
        return torch.stack([torch.zeros_like(best), 20 * (best - 0.4)], 1)


def bumps(starts: list[int]) -> Tensor:
    """Signals [batch, 1, LENGTH] with a bump at each start, in weak noise."""
    x = 0.1 * torch.rand(len(starts), 1, LENGTH, generator=torch.Generator().manual_seed(0))
    for row, start in enumerate(starts):
        x[row, 0, start : start + WIDTH] += 0.9 * BUMP
    return x


@pytest.mark.parametrize("preset", ["fast", "fast-signals"])
@pytest.mark.parametrize("fill", [None, "line", "mean", "own_noise"])
def test_the_bump_is_found(preset: str, fill: str | None) -> None:
    starts = [3, 17, 30]
    x, classifier = bumps(starts), Classifier(FindsBumps())
    found = learn_masks(classifier, x, 1, preset, fill_in=fill)
    assert found.mask.shape == (3, LENGTH)
    for row, start in enumerate(starts):
        top = found.mask[row].topk(WIDTH - 2).indices
        # The window's first and last value are 0.
        assert ((top >= start) & (top < start + WIDTH)).float().mean() > 0.7
    flat = torch.ones(3, LENGTH)
    for measure, sign in ((insertion, 1), (deletion, -1)):
        own = measure(classifier, x, 1, found.mask, fill="line", steps=LENGTH).area
        control = measure(classifier, x, 1, flat, fill="line", steps=LENGTH).area
        assert (sign * (own - control) > 0).all()


def test_batched_equals_one_by_one() -> None:
    x, classifier = bumps([3, 17, 30]).double(), Classifier(FindsBumps().double())
    whole = learn_masks(classifier, x, None, "fast-signals", fill_in="own_noise", seed=3)
    for row in range(3):
        alone = learn_masks(
            classifier, x[row : row + 1], None, "fast-signals", fill_in="own_noise", seed=3
        )
        torch.testing.assert_close(whole.mask[row], alone.mask[0])


def test_no_mask_where_the_network_does_not_look() -> None:
    both = torch.maximum(bumps([4]), bumps([28]))
    found = learn_masks(Classifier(FindsBumps(reach=20)), both, 1, "fast-signals")
    assert found.mask[0, 4:10].max() > 0.5
    assert found.mask[0, 24:].max() < 0.1
