"""Occlusion against captum and by hand; controls by what they say they are."""

from __future__ import annotations

import captum.attr
import pytest
import torch
from scipy import ndimage
from tests.attribution.networks import cnn, images
from torch import Tensor, nn

from affidavit.attribution import Classifier
from affidavit.attribution.explainers import Centre, Edges, Occlusion, Random


def test_occlusion_is_that_of_captum() -> None:
    model, pixels = cnn().eval(), images(3, size=12)
    target = torch.tensor([0, 2, 1])
    method = captum.attr.Occlusion(nn.Sequential(model, nn.Softmax(1)))
    expected = method.attribute(
        pixels, sliding_window_shapes=(3, 4, 4), strides=(3, 4, 4), baselines=0.5, target=target
    )
    found = Occlusion(window=4, stride=4)(Classifier(model), pixels, target)
    # captum gives each channel of a window the whole fall.
    torch.testing.assert_close(found, expected[:, 0])


@pytest.mark.parametrize("options", [(3, 2), (4, 3), (20, 1), (None, None)])
def test_occlusion_is_the_mean_over_the_windows_of_a_pixel(options: tuple[int, int]) -> None:
    model, image = cnn().eval(), images(1, size=9)[..., :8]
    window, stride = options

    def chance(x: Tensor) -> float:
        with torch.no_grad():
            return float(model(x).softmax(1)[0, 1])

    side = min(window or 1, 8)
    step = stride or 1
    total, covered = torch.zeros(9, 8), torch.zeros(9, 8)
    for top in sorted({*range(0, 9 - side + 1, step), 9 - side}):
        for left in sorted({*range(0, 8 - side + 1, step), 8 - side}):
            hidden = image.clone()
            hidden[:, :, top : top + side, left : left + side] = 0.5
            total[top : top + side, left : left + side] += chance(image) - chance(hidden)
            covered[top : top + side, left : left + side] += 1
    assert (covered > 0).all()
    found = Occlusion(window, stride, batch_size=3)(Classifier(model), image, 1)
    torch.testing.assert_close(found[0], total / covered, rtol=1e-4, atol=1e-6)


def test_controls() -> None:
    classifier, pixels = Classifier(cnn()), images(2, size=9)
    drawn = Random(seed=3)(classifier, pixels)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert torch.equal(drawn[0], drawn[1])
    centre = Centre()(classifier, pixels)
    assert centre[0].argmax() == 4 * 9 + 4
    torch.testing.assert_close(centre[0, 4, 4], torch.tensor(1.0))
    # The outermost pixels lie at 8/9 of the way out.
    torch.testing.assert_close(centre[0, 4, 0], torch.tensor(1 - 8 / 9))
    torch.testing.assert_close(centre[0, 0, 0], torch.tensor(1 - 8 / 9 * 2**0.5))
    assert torch.equal(centre, centre.flip(1))
    edges = Edges()(classifier, pixels)
    grey = pixels.double().mean(1).numpy()
    for row in range(2):
        down, along = (ndimage.sobel(grey[row], axis, mode="nearest") for axis in (0, 1))
        expected = torch.from_numpy((down**2 + along**2) ** 0.5).float()
        torch.testing.assert_close(edges[row], expected, rtol=1e-4, atol=1e-5)
