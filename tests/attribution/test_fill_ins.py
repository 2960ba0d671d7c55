"""Fill-ins: inside the range, each image on its own, and what they say they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d
from tests.attribution.networks import images

from affidavit.attribution.fill_ins import FILL_INS, fill_in, gaussian_blur
from affidavit.errors import DomainError


@pytest.mark.parametrize("name", FILL_INS)
@pytest.mark.parametrize("shape", [(4, 3, 12, 9), (4, 1, 5, 5), (4, 2, 30), (4, 7)])
def test_every_fill_in(name: str, shape: tuple[int, ...]) -> None:
    pixels = torch.rand(shape) * 2 - 1
    found = fill_in(name, pixels, (-1.0, 1.0), seed=3)
    assert found.shape == pixels.shape
    assert found.is_contiguous()
    assert found.abs().max() <= 1
    # Batched equals one by one; the same again for the same seed.
    alone = torch.cat([fill_in(name, one, (-1.0, 1.0), seed=3) for one in pixels.split(1)])
    torch.testing.assert_close(found, alone)
    assert fill_in(name, pixels[:0], (-1.0, 1.0)).shape == (0, *shape[1:])
    constant = torch.full(shape, 0.25)
    if name in ("mean", "blur", "line", "own_noise"):
        torch.testing.assert_close(fill_in(name, constant), constant)


def test_what_they_are() -> None:
    pixels = images(2)
    assert (fill_in("black", pixels, (-2.0, 1.0)) == -2).all()
    assert (fill_in("grey", pixels, (-2.0, 1.0)) == -0.5).all()
    mean = fill_in("mean", pixels)
    torch.testing.assert_close(mean[1, 2], pixels[1, 2].mean().expand(16, 16))
    noise = fill_in("noise", images(2, size=64), seed=1)
    assert torch.equal(noise[0], noise[1])
    assert abs(float(noise.mean()) - 0.5) < 0.02
    assert not torch.equal(noise, fill_in("noise", images(2, size=64), seed=2))


def test_what_they_are_on_signals_and_rows() -> None:
    signal = torch.tensor([[[0.2, 0.9, 0.1, 0.7, 0.6], [0.5, 0.0, 1.0, 0.0, 0.1]]])
    line = fill_in("line", signal)
    torch.testing.assert_close(line[0, 0], torch.tensor([0.2, 0.3, 0.4, 0.5, 0.6]))
    torch.testing.assert_close(line[0, 1], torch.tensor([0.5, 0.4, 0.3, 0.2, 0.1]))
    torch.testing.assert_close(fill_in("line", signal[..., :1]), signal[..., :1])
    # Features of a row follow no order.
    row = torch.tensor([[0.2, 0.9, 0.1]])
    for name in ("line", "blur", "mean"):
        torch.testing.assert_close(fill_in(name, row), torch.full((1, 3), 0.4))
    long = 0.5 + 0.05 * torch.randn(2, 1, 4000, generator=torch.Generator().manual_seed(0))
    long[1] += 0.2
    noise = fill_in("own_noise", long, seed=4)
    torch.testing.assert_close(noise.mean(2), long.mean(2), atol=0.01, rtol=0)
    torch.testing.assert_close(noise.std(2), long.std(2), atol=0.005, rtol=0)
    assert not torch.equal(noise, fill_in("own_noise", long, seed=5))


@pytest.mark.parametrize("deviation", [0.0, 0.4, 3.0, 9.0])
def test_the_blur_is_that_of_scipy(deviation: float) -> None:
    pixels = images(2).double()
    expected = pixels.numpy()
    for axis in (2, 3):
        if deviation:
            expected = gaussian_filter1d(
                expected, deviation, axis=axis, mode="nearest", radius=int(np.ceil(4 * deviation))
            )
    torch.testing.assert_close(gaussian_blur(pixels, deviation), torch.from_numpy(expected))


def test_an_unknown_fill_in() -> None:
    with pytest.raises(DomainError, match=r"no fill-in 'blurr' \(did you mean 'blur'\?\)"):
        fill_in("blurr", images())
