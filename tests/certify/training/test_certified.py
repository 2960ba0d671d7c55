"""The gradient certification loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.certify.training.networks import NETWORKS, made
from tests.certify.training.networks import graph as traced
from torch import nn

from affidavit.certify import GradientCertifiedLoss, gradient_bounds
from affidavit.certify.training import Ramp, StandardLoss
from affidavit.errors import DomainError, ModelError, UnsupportedOpsError

CASES = [*((name, "logit") for name in NETWORKS), ("dense", "margin"), ("pooled", "cross_entropy")]


@pytest.mark.parametrize(("name", "loss"), CASES)
def test_is_the_task_and_the_mean_width_of_the_certified_bounds(name: str, loss: Any) -> None:
    model, x, y = made(name)
    criterion = GradientCertifiedLoss(
        model, alpha=0.7, epsilon=0.05, gamma=0.02, data_range=(0.0, 1.0), loss=loss
    )
    second = model(x).detach().scatter(1, y[:, None], -torch.inf).argmax(1)
    bounds = gradient_bounds(
        traced(name),
        x,
        epsilon=0.05,
        gamma=0.02,
        data_range=(0.0, 1.0),
        loss=loss,
        target=(y, second) if loss == "margin" else y,
    )
    width = bounds.width.flatten(1).sum(1)
    expected = F.cross_entropy(model(x), y) + 0.7 * width.mean()
    torch.testing.assert_close(criterion(x, y), expected, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(criterion.width(x, y), width, rtol=1e-8, atol=1e-8)


def test_without_a_penalty_it_is_the_standard_loss() -> None:
    model, x, y = made("dense")
    criterion = GradientCertifiedLoss(model, alpha=0.0, epsilon=0.1)
    terms = criterion.terms(x, y)
    assert terms.penalty is None
    assert torch.equal(criterion(x, y), StandardLoss(model)(x, y))
    assert torch.equal(criterion(x, y), F.cross_entropy(model(x), y))


@pytest.mark.parametrize("name", ["dense", "convolutional", "pooled", "smooth", "residual"])
def test_gradient_of_the_loss_is_that_of_finite_differences(name: str) -> None:
    model, x, y = made(name)
    criterion = GradientCertifiedLoss(model, alpha=0.3, epsilon=0.03, gamma=0.02)
    criterion(x, y).backward()
    generator = torch.Generator().manual_seed(0)
    directions = {
        key: torch.randn(value.shape, generator=generator, dtype=torch.float64)
        for key, value in model.named_parameters()
    }
    slope = 0.0
    for key, value in model.named_parameters():
        assert value.grad is not None
        slope += (value.grad * directions[key]).sum().item()
    ends, step = [], 1e-6
    with torch.no_grad():
        for sign in (1, -2):  # there, and then as far to the other side
            for key, value in model.named_parameters():
                value.add_(directions[key], alpha=sign * step)
            ends.append(criterion(x, y).item())
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4)


@pytest.mark.parametrize("name", ["dense", "convolutional", "pooled", "smooth"])
def test_larger_boxes_have_larger_penalties(name: str) -> None:
    model, x, y = made(name)

    sizes = [(0.0, 0.0), (0.05, 0.0), (0.3, 0.0), (0.3, 0.01), (0.3, 0.05), (0.4, 0.1)]
    criterion = GradientCertifiedLoss(
        model,
        alpha=1.0,
        epsilon=lambda step: sizes[step][0],
        gamma=lambda step: sizes[step][1],
    )
    found = []
    for criterion.step in range(len(sizes)):
        found.append(criterion.width(x, y).mean().item())
    assert found[0] == 0.0
    assert found == sorted(found)
    assert found[-1] > found[3] > found[2] > 0


@pytest.mark.parametrize(("loss", "felt"), [("logit", False), ("cross_entropy", True)])
def test_forward_bounds_of_relu_networks_have_no_slope_but_through_logits(
    loss: Any, felt: bool
) -> None:
    model, x, y = made("dense")
    GradientCertifiedLoss(model, alpha=1.0, epsilon=0.3, loss=loss).width(x, y).sum().backward()
    # Biases act on the bounds of units alone, never on what the gradient is multiplied with.
    slopes = [value.grad for name, value in model.named_parameters() if name.endswith("bias")]
    assert any(slope is not None and bool(slope.any()) for slope in slopes) == felt
    assert all(
        value.grad is not None and bool(value.grad.any())
        for name, value in model.named_parameters()
        if name.endswith("weight")
    )


def test_epsilon_may_differ_from_feature_to_feature() -> None:
    model, x, y = made("dense")
    epsilon = torch.tensor([0.0, 0.1, 0.0, 0.3, 0.0])
    found = GradientCertifiedLoss(model, alpha=1.0, epsilon=epsilon).width(x, y)
    bounds = gradient_bounds(traced("dense"), x, epsilon=epsilon.double(), target=y)
    torch.testing.assert_close(found, bounds.width.sum(1), rtol=1e-6, atol=1e-6)


def test_targets() -> None:
    model, x, y = made("dense")
    predicted = model(x).argmax(1)
    assert not torch.equal(predicted, y)

    def width(target: Any, loss: Any = "logit") -> torch.Tensor:
        criterion = GradientCertifiedLoss(model, alpha=1.0, epsilon=0.1, target=target, loss=loss)
        return criterion.width(x, y).detach()

    def expected(target: Any, loss: Any = "logit") -> torch.Tensor:
        graph = traced("dense")
        return gradient_bounds(graph, x, epsilon=0.1, target=target, loss=loss).width.sum(1)

    torch.testing.assert_close(width("predicted"), expected(None))
    torch.testing.assert_close(width("predicted", "margin"), expected(None, "margin"))
    torch.testing.assert_close(width("label"), expected(y))
    torch.testing.assert_close(width(2), expected(2))
    torch.testing.assert_close(width((2, 0), "margin"), expected((2, 0), "margin"))


def test_one_output_needs_no_class() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)).double()
    x, y = torch.rand(5, 4).double(), torch.rand(5, 1).double()
    criterion = GradientCertifiedLoss(model, alpha=0.5, epsilon=0.1, task=F.mse_loss)
    width = gradient_bounds(model, x, epsilon=0.1, target=0).width.sum(1).mean()
    torch.testing.assert_close(criterion(x, y), F.mse_loss(model(x), y) + 0.5 * width)


def test_batch_norm_is_bounded_with_its_running_statistics() -> None:
    model, x, y = made("pooled", rows=6)
    criterion = GradientCertifiedLoss(model, alpha=1.0, epsilon=0.05)
    model.train()
    # Two passes before one backward: what the first needs may not be overwritten.
    total = criterion(x, y) + criterion(x.flip(0), y.flip(0))
    total.backward()
    model.eval()
    expected = gradient_bounds(model, x, epsilon=0.05, target=y).width.flatten(1).sum(1)
    torch.testing.assert_close(criterion.width(x, y), expected, rtol=1e-8, atol=1e-8)


def test_schedules_count_calls_in_training_mode() -> None:
    model, x, y = made("dense")
    criterion = GradientCertifiedLoss(
        model,
        alpha=Ramp(1.0, steps=2, warmup=1),
        epsilon=lambda step: 0.01 * step,
        gamma=Ramp(0.1, steps=10),
    )
    alphas = []
    for _ in range(4):
        alphas.append(criterion.terms(x, y).alpha)
        criterion(x, y)
    assert alphas == [0.0, 0.0, 0.5, 1.0]
    criterion.eval()
    criterion(x, y)
    assert criterion.step == 4
    again = GradientCertifiedLoss(model, alpha=1.0, epsilon=0.1)
    again.load_state_dict(criterion.state_dict())
    assert again.step == 4
    graph = traced("dense")
    expected = gradient_bounds(graph, x, epsilon=0.04, gamma=0.04, target=y).width.sum(1)
    torch.testing.assert_close(criterion.width(x, y), expected, rtol=1e-8, atol=1e-8)


def test_the_model_is_left_as_it_was() -> None:
    model, x, y = made("pooled")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    criterion = GradientCertifiedLoss(model, alpha=1.0, epsilon=0.1, example_input=x)
    assert list(criterion.parameters()) == []
    criterion.eval()
    assert model.training
    model.eval()
    criterion(x, y).backward()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert repr(criterion).startswith("GradientCertifiedLoss(alpha=Constant(value=1.0), task=torch")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": -0.1}, "epsilon is -0.1; expected a finite number of at least 0"),
        ({"gamma": float("nan")}, "gamma is nan"),
        ({"alpha": -1}, "alpha is -1"),
        ({"target": "best"}, "target is 'best'; expected 'label', 'predicted'"),
        ({"target": (0, 1)}, "a pair of classes; the loss is 'logit'"),
        ({"target": 7}, "target 7 is out of range: the model has 3 outputs"),
        ({"loss": "logits"}, "loss is 'logits'; expected"),
        ({"data_range": (0.0, 0.5)}, "leaves the range of the data"),
        ({"epsilon": torch.ones(4)}, "does not broadcast"),
        ({"epsilon": lambda step: -1.0}, "epsilon is -1.0"),
        ({"alpha": lambda step: -1.0}, "alpha is -1.0"),
    ],
)
def test_arguments_without_meaning(change: dict[str, Any], message: str) -> None:
    model, x, y = made("dense")
    arguments: dict[str, Any] = {"alpha": 1.0, "epsilon": 0.1, **change}
    with pytest.raises(DomainError, match=message):
        GradientCertifiedLoss(model, **arguments)(x, y)


def test_bad_models_and_data() -> None:
    model, x, y = made("dense")
    criterion = GradientCertifiedLoss(model, alpha=1.0, epsilon=0.1)
    with pytest.raises(DomainError, match="3 inputs and 2 labels"):
        criterion(x, y[:2])
    with pytest.raises(ModelError, match="training needs a PyTorch module"):
        GradientCertifiedLoss("model.onnx", alpha=1.0)  # type: ignore[arg-type]
    softmax = nn.Sequential(model, nn.Softmax(1))
    with pytest.raises(DomainError, match="the model ends in a softmax"):
        GradientCertifiedLoss(softmax, alpha=1.0, epsilon=0.1)(x, y)
    gelu = nn.Sequential(nn.Linear(5, 4), nn.GELU(), nn.Linear(4, 3)).double()
    with pytest.raises(UnsupportedOpsError, match="Gelu at 1"):
        GradientCertifiedLoss(gelu, alpha=1.0, example_input=x)
