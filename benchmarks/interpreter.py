"""The graph interpreter against eager PyTorch, on ResNet-20 (goal: at most 1.3 times)."""

from __future__ import annotations

import torch
from pytorchcv.models.resnet_cifar import resnet20_cifar10

from affidavit.graph import load, simplify
from harness import compare, record


def main() -> None:
    torch.manual_seed(0)
    network = resnet20_cifar10().eval()
    graph = load(network, torch.zeros(1, 3, 32, 32))
    folded = simplify(graph).graph.to(torch.float32)
    results = {}
    with torch.inference_mode():
        for batch in (1, 16, 128):
            x = torch.rand(batch, 3, 32, 32)
            torch.testing.assert_close(graph(x), network(x))
            torch.testing.assert_close(folded(x), network(x), rtol=1e-3, atol=1e-3)
            results[f"ResNet-20, graph against eager PyTorch, batch {batch}"] = compare(
                lambda x=x: graph(x), lambda x=x: network(x)
            )
            results[f"ResNet-20, simplified graph against eager PyTorch, batch {batch}"] = compare(
                lambda x=x: folded(x), lambda x=x: network(x)
            )
    record("interpreter", results)


if __name__ == "__main__":
    main()
