"""How far each input is certified: the largest box of inputs, or of weights."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affidavit.certify.bisection import largest_each
from affidavit.certify.bounds import Method
from affidavit.certify.boxes import Range
from affidavit.certify.properties import Property, Threat
from affidavit.certify.surveying import COSTLY_BATCH, Chosen, Progress, methods_of
from affidavit.graph import Graph

Size = Literal["epsilon", "gamma"]


@dataclass(frozen=True, eq=False)
class Reach:
    """The largest certified size of each input.

    Attributes:
        sizes: largest ε or γ that was certified, [input]; -inf where not even 0 was, NaN for
            inputs that were not reached in time.
        which: which of the two it is.
        most: the largest that was tried.
        finished: whether all inputs were reached.
        reason: why not, or "".
    """

    sizes: NDArray[np.float64]
    which: Size
    most: float
    finished: bool
    reason: str


def largest_sizes(
    graph: Graph,
    x: Tensor,
    wanted: Property,
    which: Size,
    most: float,
    *,
    data_range: Range | None = None,
    method: Chosen = "auto",
    steps: int = 16,
    batch_size: int = 256,
    seconds: float = math.inf,
    progress: Progress | None = None,
) -> Reach:
    """The largest ε (or γ) up to `most` at which each input is certified, by bisection.

    Args:
        graph, x, wanted, data_range, method, batch_size, seconds, progress: as of
            :func:`affidavit.certify.survey`.
        which: what is enlarged; the other one is 0.
        most: the largest size of interest.
        steps: bisections; sizes are told apart to `most / 2^steps`.

    Guarantee: `sound`: each size is one that was certified. A larger one may be certified too.
    """
    sizes = np.full(len(x), math.nan)
    until = time.monotonic() + seconds
    reason = ""
    size = batch_size if method == "ibp" else min(COSTLY_BATCH, batch_size)
    try:
        for start in range(0, len(x), size):
            if time.monotonic() > until:
                reason = f"the limit of {seconds:.3g} s came first"
                break
            if progress is not None:
                progress("largest", start, len(x))
            rows = torch.arange(start, min(start + size, len(x)))
            part = _Part(graph, x[rows], rows, wanted, which, data_range, methods_of(method))
            found = largest_each(part.certified, len(rows), most, steps=steps)
            sizes[rows.numpy()] = found.cpu().numpy()
    except KeyboardInterrupt:
        reason = "it was interrupted"
    return Reach(sizes, which, most, not reason, reason)


@dataclass(frozen=True, eq=False)
class _Part:
    """Some inputs that are certified together, each at a size of its own."""

    graph: Graph
    x: Tensor
    rows: Tensor
    wanted: Property
    which: Size
    data_range: Range | None
    methods: tuple[Method, ...]

    def certified(self, sizes: Tensor) -> Tensor:
        """Whether each input is certified at its size, [batch]; not, where that is NaN."""
        found = torch.zeros(len(self.x), dtype=torch.bool)
        for method in self.methods:
            left = torch.nonzero(~found & ~sizes.isnan()).squeeze(1)
            for places, threat in self._threats(sizes, left):
                proof = self.wanted.prove(
                    self.graph, self.x[places], self.rows[places], threat, method
                )
                found[places] = proof.certified.cpu()
        return found

    def _threats(self, sizes: Tensor, left: Tensor) -> Iterator[tuple[Tensor, Threat]]:
        """Boxes of inputs can differ from input to input; those of weights are shared."""
        if not len(left):
            return
        if self.which == "epsilon":
            each = sizes[left].reshape(-1, *(1,) * (self.x.ndim - 1)).to(self.x)
            yield left, Threat(each, 0.0, self.data_range)
            return
        for size in torch.unique(sizes[left]).tolist():
            yield left[sizes[left] == size], Threat(0.0, size, self.data_range)
