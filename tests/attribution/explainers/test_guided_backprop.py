"""Guided backpropagation: against captum where it can, and by definition where it cannot."""

from __future__ import annotations

import captum.attr
import pytest
import torch
import torch.nn.functional as F
from tests.attribution.explainers.common import Functional, functional
from tests.attribution.networks import cnn, images
from torch import Tensor, nn

from affidavit.attribution import Classifier
from affidavit.attribution.explainers import GuidedBackprop, Saliency
from affidavit.errors import ModelError

TARGET = torch.tensor([0, 2, 1])


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU:UserWarning")
def test_of_relu_modules_it_is_that_of_captum() -> None:
    model, pixels = cnn().eval(), images(3)
    expected = captum.attr.GuidedBackprop(model).attribute(
        pixels.clone().requires_grad_(True), target=TARGET
    )
    found = GuidedBackprop()(Classifier(model), pixels, TARGET)
    torch.testing.assert_close(found, expected.abs().amax(1))


class Gate(torch.autograd.Function):
    """ReLU, or ReLU6, whose backward pass is written out."""

    @staticmethod
    def forward(ctx, x: Tensor, top: float) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward((x > 0) & (x < top))
        return x.clamp(0, top)

    @staticmethod
    def backward(ctx, slope: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]
        (open_,) = ctx.saved_tensors
        return slope.clamp(min=0) * open_, None


class Written(Functional):
    """The same network with each gate replaced."""

    def forward(self, x: Tensor) -> Tensor:
        def gate(z: Tensor, top: float = torch.inf) -> Tensor:
            found: Tensor = Gate.apply(z, top)
            return found

        x = gate(self.norm(self.first(x)), 6.0)
        y = gate(self.depth(x))
        x = gate(self.depth(x + y) + y)
        x = gate(F.max_pool2d(x, 2) - 0.01)
        scores: Tensor = self.last(x.mean((2, 3)))
        return scores


def test_functions_steps_in_place_and_relu6_count() -> None:
    model, pixels = functional().eval(), images(3)
    written = Written().eval()
    written.load_state_dict(model.state_dict())
    leaf = pixels.clone().requires_grad_(True)
    scores = written(leaf)
    torch.testing.assert_close(scores, model(pixels))
    (expected,) = torch.autograd.grad(scores.gather(1, TARGET[:, None]).sum(), leaf)
    found = GuidedBackprop()(Classifier(model), pixels, TARGET)
    torch.testing.assert_close(found, expected.abs().amax(1))
    assert not torch.allclose(found, Saliency()(Classifier(model), pixels, TARGET))


def test_a_model_without_relu_is_refused() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(48, 2)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.head(Gate.apply(x.flatten(1), torch.inf))
            return found

    smooth = nn.Sequential(nn.Conv2d(3, 2, 3), nn.SiLU(), nn.Flatten(), nn.Linear(8, 2))
    pixels = images(1, size=4)
    with pytest.raises(ModelError, match=r"the model has none$"):
        GuidedBackprop()(Classifier(smooth), pixels)
    with pytest.raises(ModelError, match="its steps GateBackward are cannot be told"):
        GuidedBackprop()(Classifier(Own()), pixels)
    # Not every clipping is a ReLU.
    clipped = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Hardtanh(), nn.Flatten(), nn.Linear(8, 2))
    with pytest.raises(ModelError, match=r"the model has none$"):
        GuidedBackprop()(Classifier(clipped), pixels)
