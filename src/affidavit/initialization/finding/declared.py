"""What the code of a layer declares of a parameter's first value."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from affidavit.initialization.distributions import Distribution
from affidavit.initialization.fans import Fans
from affidavit.initialization.rules import Initializer


@dataclass(frozen=True)
class Declared:
    """How a layer draws one of its parameters.

    Attributes:
        initializer: the entry of the catalogue.
        fans: those that the layer works with, which need not be those of the parameter's own shape:
            a bias is drawn by the fan-in of its weight. None where it needs none and has none.
        layout: `torch` or `keras`, as in :mod:`affidavit.initialization.fans`.
        exceptions: rows (of the first axis, from and up to) with an initializer of their own:
            padding of an embedding, the forget gate of an LSTM.
        by_hand: whether the user asked for this one in place of the layer's default.
    """

    initializer: Initializer
    fans: Fans | None = None
    layout: str = "torch"
    exceptions: tuple[tuple[int, int, Initializer], ...] = ()
    by_hand: bool = False

    @property
    def text(self) -> str:
        """The initializer, and what is drawn otherwise."""
        others = [
            f"{initializer.text} in {_rows(start, end)}"
            for start, end, initializer in self.exceptions
        ]
        return "; ".join([self.initializer.text, *others])

    @property
    def distribution(self) -> Distribution:
        """The distribution of all but the exceptions, with its numbers."""
        return self.initializer.distribution(self.fans, self.layout)

    def sample(self, shape: tuple[int, ...], generator: Generator) -> Tensor:
        """A fresh draw, float32."""
        values = self.distribution.sample(shape, generator)
        for start, end, initializer in self.exceptions:
            rows = (end - start, *shape[1:])
            values[start:end] = initializer.sample(rows, generator, layout=self.layout)
        return values

    def main_part(self, tensor: Tensor) -> Tensor:
        """The tensor without its exceptions, which are checked by :meth:`exceptions_hold`."""
        keep = torch.ones(tensor.shape[:1], dtype=torch.bool, device=tensor.device)
        for start, end, _ in self.exceptions:
            keep[start:end] = False
        return tensor[keep] if self.exceptions else tensor

    def exceptions_hold(self, tensor: Tensor) -> bool:
        """Whether the exceptions, all of them constants, have their values."""
        return all(
            bool((tensor[start:end] == initializer.distribution(None).value).all())  # type: ignore[union-attr]
            for start, end, initializer in self.exceptions
        )


def _rows(start: int, end: int) -> str:
    return f"row {start}" if end == start + 1 else f"rows {start} to {end - 1}"
