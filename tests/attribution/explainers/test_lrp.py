"""LRP: against captum where it can, against the definition, and conservation."""

from __future__ import annotations

from collections.abc import Callable

import captum.attr
import pytest
import torch
from captum.attr._utils.lrp_rules import EpsilonRule
from tests.attribution.explainers.common import functional
from tests.attribution.networks import cnn, images
from tests.reference.relevance_propagation import Step, relevance
from torch import Tensor, nn

from affidavit.attribution import Classifier, Preprocessing
from affidavit.attribution.explainers import Explainer, GuidedBackprop, LRPEpsilon
from affidavit.errors import ModelError

TARGET = torch.tensor([0, 2, 1])


def plain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(5, 4, 3, groups=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(4, 3),
    ).double()  # fmt: skip


@pytest.mark.parametrize("epsilon", [1e-6, 0.1])
def test_it_is_that_of_captum(epsilon: float) -> None:
    model, pixels = plain(), images(3, size=8).double()
    for layer in model:
        if isinstance(layer, nn.MaxPool2d | nn.Flatten):
            layer.rule = EpsilonRule(1e-30)  # ours pass relevance on whole there
        elif not isinstance(layer, nn.ReLU):
            layer.rule = EpsilonRule(epsilon)
    expected = captum.attr.LRP(model).attribute(pixels.clone().requires_grad_(True), target=TARGET)
    found = LRPEpsilon(epsilon)(Classifier(model), pixels, TARGET)
    torch.testing.assert_close(found, expected.sum(1), rtol=1e-6, atol=1e-9)


def steps_of(model: nn.Sequential, shape: tuple[int, ...]) -> list[tuple[str, Step]]:
    """Each module as a function of one flat input."""
    kinds: dict[type[nn.Module], str] = {
        nn.ReLU: "activation", nn.ReLU6: "activation", nn.SiLU: "activation",
        nn.Flatten: "activation",
        nn.MaxPool2d: "winner",
    }  # fmt: skip
    found: list[tuple[str, Step]] = []
    for module in model:

        def step(z: Tensor, module: nn.Module = module, shape: tuple[int, ...] = shape) -> Tensor:
            out: Tensor = module(z.reshape(1, *shape)).flatten()
            return out

        found.append((kinds.get(type(module), "affine"), step))
        shape = tuple(module(torch.zeros(1, *shape).double()).shape[1:])
    return found


@pytest.mark.parametrize("epsilon", [1e-9, 0.2])
@pytest.mark.parametrize("gate", [nn.ReLU, nn.ReLU6, nn.SiLU])
def test_it_is_the_definition(gate: Callable[[], nn.Module], epsilon: float) -> None:
    """Batch norm, a depthwise convolution and adaptive pooling, which captum has no rules for."""
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3), gate(),
        nn.Conv2d(3, 3, 3, groups=3, stride=2, padding=1), nn.MaxPool2d(2), gate(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3),
    ).double().eval()  # fmt: skip
    norm = model[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    with torch.no_grad():
        norm.running_mean.normal_(std=0.3)
        norm.weight.mul_(8)
    pixels = images(3, channels=2, size=5).double()
    found = LRPEpsilon(epsilon)(Classifier(model), pixels, TARGET)
    for row in range(3):
        whole = relevance(
            steps_of(model, (2, 5, 5)), pixels[row].flatten(), int(TARGET[row]), epsilon
        )
        expected = whole.reshape(2, 5, 5).sum(0)
        torch.testing.assert_close(found[row], expected, rtol=1e-7, atol=1e-10)


def test_relevance_is_conserved_without_biases() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3, bias=False), nn.ReLU6(), nn.Conv2d(6, 4, 3, bias=False), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3, bias=False),
    ).double()  # fmt: skip
    classifier, pixels = Classifier(model), images(3).double()
    total = LRPEpsilon(1e-12)(classifier, pixels, TARGET).sum((1, 2))
    score = classifier.scores(pixels).gather(1, TARGET[:, None])[:, 0]
    torch.testing.assert_close(total, score, rtol=1e-6, atol=1e-9)
    # ε keeps a share of every sum.
    less = LRPEpsilon(0.1)(classifier, pixels, TARGET).sum((1, 2))
    assert (less.abs() < total.abs()).all()


def test_a_skip_shares_relevance_out() -> None:
    """y = w x + v x as two branches and as one layer give the same."""

    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(12, 4, bias=False), nn.Linear(12, 4, bias=False)
            self.head = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = x.flatten(1)
            found: Tensor = self.head(torch.relu(self.a(x) + self.b(x)))
            return found

    torch.manual_seed(0)
    model = Branches().double()
    one = nn.Sequential(nn.Flatten(), nn.Linear(12, 4, bias=False), nn.ReLU(), model.head).double()
    with torch.no_grad():
        one[1].get_parameter("weight").copy_(model.a.weight + model.b.weight)
    pixels = images(3, size=2).double()
    expected = LRPEpsilon(1e-12)(Classifier(one), pixels, 1)
    torch.testing.assert_close(LRPEpsilon(1e-12)(Classifier(model), pixels, 1), expected)


def test_the_preprocessed_image_is_what_relevance_reaches() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 3)).double()
    pixels, how = images(3, size=4).double(), Preprocessing((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    weight = model[1].get_parameter("weight")[TARGET].reshape(3, 3, 4, 4)
    found = LRPEpsilon(1e-14)(Classifier(model, how), pixels, TARGET)
    torch.testing.assert_close(found, (weight * how(pixels)).sum(1))


class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        return x * 2

    @staticmethod
    def backward(ctx, slope: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        return slope * 2


class Odd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        x = x * torch.sigmoid(x)
        own: Tensor = Own.apply(x)
        found: Tensor = self.head(own.clamp(min=0.5))
        return found


def test_steps_without_a_rule_are_named() -> None:
    expected = r"as they are called: OwnBackward, clamp, mul, sigmoid$"
    with pytest.raises(ModelError, match=expected):
        LRPEpsilon()(Classifier(Odd()), images(1, size=2))
    averaging = cnn()
    averaging[1] = nn.BatchNorm2d(8, track_running_stats=False)
    with pytest.raises(ModelError, match=r"as they are called: batch_norm$"):
        LRPEpsilon()(Classifier(averaging), images(2))
    ending = nn.Sequential(cnn(), nn.Softmax(1))
    with pytest.raises(ModelError, match="softmax"):
        LRPEpsilon()(Classifier(ending), images(2))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("explainer", [LRPEpsilon(), GuidedBackprop()])
def test_what_cannot_be_seen_is_refused(explainer: Explainer) -> None:
    """Without this the result would be a plain gradient under another name."""
    model = cnn().eval()
    model[5] = torch.jit.script(nn.ReLU())
    with pytest.raises(ModelError, match="the module '5' is compiled by TorchScript"):
        explainer(Classifier(model), images(2))


def test_gradient_times_input_where_nothing_is_clipped() -> None:
    model, pixels = functional().eval(), images(3).double()
    model.gate = nn.ReLU()
    classifier = Classifier(model.double())
    leaf = pixels.clone().requires_grad_(True)
    score = classifier(leaf).gather(1, TARGET[:, None]).sum()
    expected = (torch.autograd.grad(score, leaf)[0] * pixels).sum(1)
    torch.testing.assert_close(LRPEpsilon(1e-13)(classifier, pixels, TARGET), expected)
