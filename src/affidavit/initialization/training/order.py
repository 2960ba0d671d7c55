"""In which order a network sees the rows: a matter of its seed and the epoch only."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def order(seed: int, epoch: int, rows: int) -> Tensor:
    """The rows in the order in which an epoch visits them, [row], int64, on the CPU.

    Args:
        seed: of the network, at least 0.
        epoch: counted from 0.
        rows: how many there are.

    The same on every device and whoever else is trained: training can be interrupted between
    epochs, and networks can be trained together or apart.
    """
    return torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(rows))


def noise_seed(seed: int, epoch: int) -> int:
    """The seed of what else is random in an epoch, such as dropout; of another stream."""
    return int(np.random.SeedSequence((seed, epoch, 1)).generate_state(1, np.uint64)[0] >> 1)
