"""Squares in the corners of an image."""

from __future__ import annotations

import pytest
import torch

from affidavit.certify.goals import corner_masks
from affidavit.errors import DomainError


def test_twenty_squares_for_digits() -> None:
    masks = corner_masks((1, 28, 28))
    assert masks.shape == (20, 1, 28, 28)
    assert bool((masks.flatten(1).sum(1) == 25).all())
    assert len({mask.numpy().tobytes() for mask in masks}) == 20
    corners = torch.zeros(28, 28, dtype=torch.float64)
    corners[:5, :5] = 1
    assert any(torch.equal(mask[0], corners) for mask in masks)
    corners = torch.zeros(28, 28, dtype=torch.float64)
    corners[19:24, 19:24] = 1  # four pixels from the border
    assert any(torch.equal(mask[0], corners) for mask in masks)


def test_small_images_and_other_layouts() -> None:
    assert len(corner_masks((1, 5, 5))) == 1  # all four corners are the same square
    assert len(corner_masks((8, 8), size=5)) == 8  # at two pixels they meet those at one
    colour = corner_masks((3, 8, 6), size=2, distances=1)
    assert colour.shape == (4, 3, 8, 6)
    assert torch.equal(colour[:, 0], colour[:, 2])
    last = corner_masks((8, 6, 3), size=2, distances=1, channels_last=True)
    assert torch.equal(last.movedim(-1, 1), colour)


def test_what_has_no_corners() -> None:
    with pytest.raises(DomainError, match="no images, and have no corners"):
        corner_masks((64,))
    with pytest.raises(DomainError, match="a square of 5 pixels does not fit an image of 4 x 9"):
        corner_masks((1, 4, 9))
    with pytest.raises(DomainError, match="distances is 0"):
        corner_masks((1, 9, 9), distances=0)
