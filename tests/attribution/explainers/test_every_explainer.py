"""What holds for every explainer of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.attribution.explainers.common import NETWORKS, OPTIONS, small
from tests.attribution.networks import cnn, images
from torch import Tensor, nn

from affidavit.attribution import Classifier, Preprocessing
from affidavit.attribution.explainers import CONTROLS, EXPLAINERS
from affidavit.errors import DataError, DomainError, ModelError
from affidavit.graph import load

PREPROCESSING = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))


def classifier(model: nn.Module) -> Classifier:
    return Classifier(model.train(), PREPROCESSING)


@pytest.mark.parametrize("name", EXPLAINERS)
@pytest.mark.parametrize("network", NETWORKS)
def test_batched_equals_one_by_one_in_any_dtype(name: str, network: str) -> None:
    pixels, target = images(3, size=13)[..., :11], torch.tensor([0, 2, 1])
    given = classifier(NETWORKS[network]())
    found = small(name, batch_size=2)(given, pixels, target) if name not in CONTROLS else None
    found = small(name)(given, pixels, target) if found is None else found
    assert found.shape == (3, 13, 11)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    alone = [small(name)(given, pixels[i : i + 1], target[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(found, torch.cat(alone), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(found, small(name)(given, pixels, target), rtol=1e-3, atol=1e-5)
    double = small(name)(classifier(NETWORKS[network]().double()), pixels.double(), target)
    assert double.dtype == torch.float64
    torch.testing.assert_close(found, double.float(), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("name", EXPLAINERS)
@pytest.mark.parametrize("network", NETWORKS)
def test_a_graph_is_explained_as_its_module(name: str, network: str) -> None:
    model, pixels = NETWORKS[network]().eval(), images(2)
    graph = load(model, pixels[:1])
    found = small(name)(Classifier(graph, PREPROCESSING), pixels, 1)
    torch.testing.assert_close(
        found, small(name)(Classifier(model, PREPROCESSING), pixels, 1), rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("name", EXPLAINERS)
def test_the_same_in_every_mode(name: str, mode: Callable[[], Any]) -> None:
    pixels, given = images(2), classifier(cnn())
    expected = small(name)(given, pixels)
    with mode():
        found = small(name)(given, pixels.clone())
    torch.testing.assert_close(found.clone(), expected)


class Failing(nn.Module):
    """Works until it has been called so many times."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.inner, self.left = cnn(), calls

    def forward(self, x: Tensor) -> Tensor:
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("no more")
        found: Tensor = self.inner(x)
        return found


def state(model: nn.Module) -> list[Any]:
    """All that an explainer might leave changed."""
    return [
        [part.training for part in model.modules()],
        [list(part._forward_hooks) + list(part._backward_hooks) for part in model.modules()],
        [(one.requires_grad, one.grad) for one in model.parameters()],
        [value.tolist() for value in model.state_dict().values()],
    ]


@pytest.mark.parametrize("calls", [100, 3])
@pytest.mark.parametrize("name", EXPLAINERS)
def test_the_model_is_left_as_it_was(name: str, calls: int) -> None:
    model = Failing(calls if name not in CONTROLS else 1).train()
    model.inner[1].eval()
    model.inner[0].requires_grad_(False)
    bias = model.inner[4].get_parameter("bias")
    bias.grad = torch.ones_like(bias)
    before, pixels = state(model), images(2)
    kept = pixels.clone()
    given = Classifier(model, outputs="logits")
    if calls == 3:
        model.left = 1
        with pytest.raises(RuntimeError, match="no more"):
            small(name)(given, pixels) if name not in CONTROLS else given(given(pixels))
    else:
        model.left = 1000
        small(name)(given, pixels)
    assert state(model) == before
    assert torch.equal(pixels, kept)


@pytest.mark.parametrize("name", EXPLAINERS)
def test_bad_input(name: str) -> None:
    given, pixels = Classifier(cnn()), images(2)
    explain = small(name)
    assert explain(given, pixels[:0]).shape == (0, 16, 16)
    with pytest.raises(DataError, match=r"range over .*expected values in \[0, 1\]"):
        explain(given, 2 * pixels)
    with pytest.raises(DataError, match=r"shape \[2, 768\]; expected images"):
        explain(given, pixels.flatten(1))
    with pytest.raises(DomainError, match="target 3 is out of range: the model has 3 classes"):
        explain(given, pixels, 3)
    broken = cnn()
    with torch.no_grad():
        broken[-1].get_parameter("bias").fill_(torch.nan)
    with pytest.raises(ModelError, match="NaN or infinite scores for input 0"):
        explain(Classifier(broken), pixels)
    constant = explain(given, torch.full_like(pixels, 0.5))
    assert torch.isfinite(constant).all()


@pytest.mark.parametrize("name", [name for name in OPTIONS if "seed" in OPTIONS[name]])
def test_a_seed_decides(name: str) -> None:
    given, pixels = Classifier(cnn()), images(2)
    found = small(name)(given, pixels)
    other = EXPLAINERS[name](**{**OPTIONS[name], "seed": 6})(given, pixels)
    assert not torch.allclose(found, other)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("saliency", {"batch_size": 0}, "batch_size is 0; expected a whole number"),
        ("smoothgrad", {"noise": -1.0}, "noise is -1.0"),
        ("smoothgrad", {"samples": 2.5}, "samples is 2.5"),
        ("lime", {"superpixels": "hexagons"}, "superpixels is 'hexagons'"),
        ("lime", {"ridge": 0.0}, "ridge is 0.0"),
        ("rise", {"keep": 0.0}, "keep is 0.0"),
        ("lrp_epsilon", {"epsilon": 0.0}, "epsilon is 0.0"),
        ("occlusion", {"stride": 0}, "stride is 0"),
    ],
)
def test_options_without_meaning(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DomainError, match=message):
        EXPLAINERS[name](**options)
