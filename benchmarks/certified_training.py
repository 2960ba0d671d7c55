"""A step of training with the gradient certification loss against a standard step.

`python benchmarks/certified_training.py` times both side by side, optimiser included, for the two
networks that gradient bounds are compared on, with batches of 128 random images of MNIST's shape.
Times are of the processor, in one thread. The record goes to
`benchmarks/results/certified_training.json`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.certify import GradientCertifiedLoss
from harness import compare, record
from networks import mlp, small_cnn

BATCH = 128


def step(model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], None]:
    """One step of Adam on one batch."""
    x, y = torch.rand(BATCH, 784), torch.randint(0, 10, (BATCH,))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def run() -> None:
        optimizer.zero_grad()
        loss(x, y).backward()
        optimizer.step()

    return run


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    results = {}
    for name, make in (("dense 2x128", lambda: mlp(784, 128, 128, 10)), ("small CNN", small_cnn)):
        for loss, epsilon, gamma in (
            ("logit", 0.01, 0.0),
            ("logit", 0.0, 0.01),
            ("logit", 0.01, 0.01),
            ("cross_entropy", 0.01, 0.01),
        ):
            plain, certified = make(), make()
            criterion = GradientCertifiedLoss(
                certified,
                alpha=0.1,
                epsilon=epsilon,
                gamma=gamma,
                data_range=(0.0, 1.0),
                loss=loss,
                example_input=torch.zeros(1, 784),
            )
            case = f"{name}, {loss}, ε {epsilon}, γ {gamma}: against a standard step"
            results[case] = compare(
                step(certified, criterion),
                step(plain, lambda x, y, plain=plain: F.cross_entropy(plain(x), y)),
                rounds=41,
                warmup=5,
                clock=time.process_time,
            )
    record("certified_training", results)


if __name__ == "__main__":
    main()
