"""The input of the last linear layer: which one it is, in modules and graphs."""

from __future__ import annotations

import pytest
import torch
from tests.attribution.networks import cnn, images
from torch import Tensor, nn

from affidavit.attribution import Classifier
from affidavit.errors import ModelError
from affidavit.graph import load
from affidavit.misclassification.penultimate import watched


class TwoHeads(nn.Module):
    """The last linear layer by attribute is an auxiliary head that runs first."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 5)
        self.head = nn.Linear(5, 3)
        self.auxiliary = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x).relu()
        side = self.auxiliary(y * 2)
        scores: Tensor = self.head(y) + 0 * side
        return scores


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.shared(self.shared(x).relu_())
        return scores


def seen(model: nn.Module, x: Tensor, layer: str | None = None) -> tuple[str, Tensor]:
    model.eval()(x)
    with watched(Classifier(model, outputs="logits"), layer) as (watching, noted), torch.no_grad():
        watching(x)
        return noted.layer, noted.features(len(x))


def test_the_last_in_the_order_of_the_pass() -> None:
    torch.manual_seed(0)
    model, x = TwoHeads(), torch.rand(4, 6)
    layer, features = seen(model, x)
    assert layer == "head"
    torch.testing.assert_close(features, model.body(x).relu().detach())
    layer, features = seen(model, x, "auxiliary")
    assert layer == "auxiliary"
    torch.testing.assert_close(features, 2 * model.body(x).relu().detach())


def test_a_module_used_twice_is_seen_at_its_last_use() -> None:
    model, x = Twice(), torch.rand(4, 4)
    torch.testing.assert_close(seen(model, x)[1], model.shared(x).relu().detach())


def test_a_graph_has_that_of_its_module() -> None:
    model, x = cnn().eval(), images(3)
    name, expected = seen(model, x)
    graph = load(nn.Sequential(model, nn.Softmax(1)), x[:1])
    with watched(Classifier(graph)) as (watching, noted):
        torch.testing.assert_close(watching(x), model(x))
        torch.testing.assert_close(noted.features(3), expected)
    assert noted.layer == f"0.{name}"
    with watched(Classifier(graph), "0.4") as (watching, noted):
        watching(x)
        torch.testing.assert_close(noted.features(3), model[:4](x).flatten(1))


def test_what_it_refuses() -> None:
    model, x = cnn(), images(2)
    with pytest.raises(ModelError, match=r"the model has no layer '99'"):
        seen(model, x, "99")
    convolution = nn.Sequential(nn.Conv2d(3, 4, 16), nn.Flatten())
    with pytest.raises(ModelError, match=r"met no nn.Linear.*penultimate='path.of.the.module'"):
        seen(convolution, x)
    torch.testing.assert_close(seen(convolution, x, "0")[1], x.flatten(1))
    graph = load(convolution.eval(), x[:1])
    with pytest.raises(ModelError, match="the graph has no linear op"), watched(Classifier(graph)):
        pass
    with pytest.raises(ModelError, match="no layer 'x'"), watched(Classifier(graph), "x"):
        pass

    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.linear(x.mean((0, 2, 3))) + x.mean((2, 3))
            return scores

    with pytest.raises(ModelError, match=r"shape \[3\] for a batch of 2"):
        seen(Mixed(), x)
