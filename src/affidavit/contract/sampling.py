"""Claims about inputs of which a sample is looked at."""

from __future__ import annotations

from abc import ABC
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from affidavit.contract.claim import Claim
from affidavit.contract.context import Context
from affidavit.contract.proportions import percent

Rows = NDArray[np.int64]
Draw = Literal["random", "first"]


class SampledClaim(Claim, ABC):
    """Base of the claims about all inputs like some rows, or about these rows alone."""

    confidence: float = Field(
        default=0.95, ge=0.5, lt=1, description="confidence of the verdict, one-sided"
    )
    population: bool = Field(
        default=True,
        description="whether the claim is about all inputs like these, with confidence; false:"
        " about these rows alone, for certain",
    )
    on: str = Field(default="test", description="part of the data to check on")
    samples: int | None = Field(
        default=None, ge=1, description="number of rows to check; default: all of the part"
    )
    draw: Draw = Field(default="random", description="which rows, where `samples` says how many")

    @property
    def whose(self) -> str:
        """Which inputs, in words, and how surely."""
        if not self.population:
            count = "the" if self.samples is None else f"the {self.draw} {self.samples:,}"
            return f"{count} rows of {self.on}"
        return f"inputs like those of {self.on} ({percent(self.confidence)} confidence)"

    def chosen_rows(self, context: Context) -> Rows:
        """Numbers of the rows to check within the part, in its order."""
        return chosen_rows(context, self.on, self.samples, self.draw)

    def sample_assumption(self, count: int) -> str:
        """What a statement about all inputs like these takes for granted."""
        return (
            f"The {count} inputs are an independent sample of the inputs that the claim is about,"
            " and served neither to train nor to choose the model."
        )


def chosen_rows(context: Context, on: str, samples: int | None, draw: Draw = "random") -> Rows:
    """Numbers of rows of a part, in its order: all, the first ones, or some drawn by the seed."""
    count = len(context.part(on))
    if samples is None or samples >= count:
        return np.arange(count)
    if draw == "first":
        return np.arange(samples)
    generator = np.random.default_rng((context.seed % 2**32, 2))
    return np.sort(generator.choice(count, samples, replace=False))
