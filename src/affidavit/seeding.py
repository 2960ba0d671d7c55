"""The generators of PyTorch, NumPy and Python, seeded for a while."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Global generators seeded within the block, and as they were after it."""
    python, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002 - what a factory may draw from
            random.seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)  # noqa: NPY002
