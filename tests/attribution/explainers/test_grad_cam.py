"""Grad-CAM: against captum, at any layer, and where there is no feature map."""

from __future__ import annotations

import captum.attr
import pytest
import torch
from tests.attribution.explainers.common import functional
from tests.attribution.networks import cnn, images
from torch import Tensor, nn

from affidavit.attribution import Classifier
from affidavit.attribution.explainers import GradCAM
from affidavit.errors import ModelError
from affidavit.graph import load

TARGET = torch.tensor([0, 2, 1])


def by_captum(model: nn.Module, layer: nn.Module, pixels: Tensor) -> Tensor:
    method = captum.attr.LayerGradCam(model, layer)
    coarse = method.attribute(pixels, target=TARGET, relu_attributions=True)
    return nn.functional.interpolate(coarse, pixels.shape[2:], mode="bilinear")[:, 0]


@pytest.mark.parametrize("layer", ["0", "1", "4", "6"])
def test_a_named_layer_is_that_of_captum(layer: str) -> None:
    model, pixels = cnn().eval(), images(3)
    found = GradCAM(layer=layer)(Classifier(model), pixels, TARGET)
    torch.testing.assert_close(found, by_captum(model, model.get_submodule(layer), pixels))


def test_the_last_feature_map_is_found_without_a_name() -> None:
    model, pixels = cnn().eval(), images(3)
    found = GradCAM()(Classifier(model), pixels, TARGET)
    # Adaptive pooling leaves 2×2 here, so it is the last with more than one place.
    torch.testing.assert_close(found, by_captum(model, model[6], pixels))
    graph = load(model, pixels[:1])
    torch.testing.assert_close(found, GradCAM()(Classifier(graph), pixels, TARGET))


def test_a_layer_that_is_overwritten_in_place_counts_as_it_was() -> None:
    def network(inplace: bool) -> nn.Module:
        model = cnn()
        model[5] = nn.ReLU(inplace=inplace)
        return model.eval()

    pixels = images(3)
    found = [GradCAM("4")(Classifier(network(way)), pixels, TARGET) for way in (True, False)]
    torch.testing.assert_close(*found)
    after = GradCAM("5")(Classifier(network(True)), pixels, TARGET)
    assert not torch.allclose(found[0], after)


def test_by_hand_on_a_linear_head() -> None:
    """Global pooling and a linear layer: the weight of a map is that of the head, over places."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 3),
    )  # fmt: skip
    pixels = images(3, size=6)
    maps = model[:2](pixels)
    weight = model[4].get_parameter("weight")[TARGET] / 36
    expected = torch.einsum("bc,bchw->bhw", weight, maps).relu()
    torch.testing.assert_close(GradCAM()(Classifier(model), pixels, TARGET), expected)


def test_no_feature_map_is_refused() -> None:
    pixels = images(2, size=4)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    with pytest.raises(ModelError, match="no feature map"):
        GradCAM()(Classifier(flat), pixels)
    with pytest.raises(ModelError, match=r"no module 'frist' \(did you mean 'first'\?\)"):
        GradCAM("frist")(Classifier(functional()), pixels)
    with pytest.raises(ModelError, match=r"'last' gave \[1, 3\]; expected feature maps"):
        GradCAM("last")(Classifier(functional()), pixels[:1])
    graph = load(cnn().eval(), images(1))
    with pytest.raises(ModelError, match="leave `layer` out"):
        GradCAM("0")(Classifier(graph), images(1))
