"""What is left when only the most relevant pixels are kept."""

from __future__ import annotations

import pytest
import torch

from affidavit.attribution.evaluation.keeping import kept_images
from affidavit.attribution.fill_ins import FILL_INS, fill_in
from affidavit.errors import DomainError


@pytest.mark.parametrize("fill", FILL_INS)
@pytest.mark.parametrize("count", [0, 1, 5, 12])
def test_the_most_relevant_stay(fill: str, count: int) -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(2, 3, 3, 4, generator=generator)
    attribution = torch.rand(2, 3, 4, generator=generator)
    found = kept_images(pixels, attribution, count, fill=fill, seed=4)
    other = fill_in(fill, pixels, (0.0, 1.0), 4)
    for image in range(2):
        order = attribution[image].flatten().argsort(descending=True)
        flat, given, hidden = (x[image].flatten(1) for x in (found, pixels, other))
        torch.testing.assert_close(flat[:, order[:count]], given[:, order[:count]])
        torch.testing.assert_close(flat[:, order[count:]], hidden[:, order[count:]])


def test_of_equal_ones_as_many_and_not_line_by_line() -> None:
    pixels = torch.ones(1, 1, 6, 6)
    found = kept_images(pixels, torch.zeros(1, 6, 6), 9)
    assert found.sum() == 9
    assert found[0, 0, :1].sum() < 6
    again = kept_images(pixels, torch.zeros(1, 6, 6), 9, seed=1)
    assert not torch.equal(found, again)


def test_an_unknown_fill_in() -> None:
    with pytest.raises(DomainError, match="there is no fill-in 'blakc'"):
        kept_images(torch.ones(1, 1, 2, 2), torch.ones(1, 2, 2), 1, fill="blakc")
