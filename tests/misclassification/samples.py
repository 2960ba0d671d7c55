"""Scores with ties, drawn by hypothesis or from known distributions."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Wrong = NDArray[np.bool_]


@st.composite
def tied(draw: st.DrawFn, most: int = 7, both: bool = True) -> tuple[list[float], list[bool]]:
    """A few scores out of few values, and what is wrong: `both`, some right and some wrong."""
    count = draw(st.integers(2 if both else 1, most))
    scores = draw(st.lists(st.integers(-2, 2).map(float), min_size=count, max_size=count))
    wrong = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    if both and len(set(wrong)) < 2:
        wrong[0] = not wrong[0]
    return scores, wrong


def binormal(
    count: int, wrong: float, apart: float, seed: int, decimals: int | None = None
) -> tuple[Scores, Wrong]:
    """Normal scores, those of wrong predictions larger by `apart`; rounded, there are ties."""
    generator = np.random.default_rng(seed)
    mistakes = generator.random(count) < wrong
    scores = generator.standard_normal(count) + apart * mistakes
    return scores if decimals is None else scores.round(decimals), mistakes
