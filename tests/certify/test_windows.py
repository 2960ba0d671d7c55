"""Windows of pooling are kept between calls, whatever mode the first one was made in."""

from __future__ import annotations

import torch

from affidavit.certify import windows
from affidavit.graph import ops


def test_windows_first_seen_in_inference_mode_serve_autograd() -> None:
    op = ops.MaxPool((2, 2), (2, 1), (0, 0), (1, 1))
    with torch.inference_mode():
        windows.of(op, (7, 5), torch.device("cpu"))
    x = torch.rand(2, 1, 7, 5, requires_grad=True)
    found = windows.of(op, (7, 5), torch.device("cpu")).gather(x, -torch.inf).amax(-1)
    expected = torch.nn.functional.max_pool2d(x, op.kernel, op.stride)
    assert torch.equal(found, expected.flatten(2))
    (slope,) = torch.autograd.grad(found.sum(), x)
    assert torch.equal(slope, torch.autograd.grad(expected.sum(), x)[0])
