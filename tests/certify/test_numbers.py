"""Networks whose values have no axis beside the batch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from affidavit.certify import gradient_bounds, margin_bounds, output_bounds
from affidavit.certify.bounds import Method


class Numbers(nn.Module):
    """From three features to one number an input, [batch], which a ReLU may follow."""

    def __init__(self, bent: bool) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.bent = bent

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.layer(x)).mean(1) * 2 - 0.3
        return torch.relu(y) if self.bent else y


@pytest.mark.parametrize("method", ["ibp", "crown"])
@pytest.mark.parametrize("bent", [False, True])
def test_outputs_that_are_numbers(bent: bool, method: Method) -> None:
    torch.manual_seed(0)
    network = Numbers(bent).double()
    x = torch.randn(2, 3, dtype=torch.float64)
    gradients = gradient_bounds(network, x, epsilon=0.3, method=method)
    outputs = output_bounds(network, x, epsilon=0.3, method=method)
    margins = margin_bounds(network, x, epsilon=0.3, method=method)
    assert outputs.lower.shape == (2,)
    assert margins.lower.shape == (2, 1)
    for _ in range(200):
        point = (x + 0.3 * (2 * torch.rand_like(x) - 1)).requires_grad_()
        y = network(point)
        assert outputs.contains(y)
        assert gradients.contains(*torch.autograd.grad(y.sum(), point))
