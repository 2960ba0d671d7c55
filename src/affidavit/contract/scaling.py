"""Units of a feature's weight: its range or its standard deviation in the data."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affidavit.data import Dataset

Normalise = Literal["range", "sigma"]


def feature_scale(dataset: Dataset, normalise: Normalise | None) -> NDArray[np.float64]:
    """What a weight of each feature is multiplied with, flat.

    `range` is the width of the data's range, `sigma` the standard deviation over all rows, None 1
    for every feature. Source: Continuous Exact Explanations, section IV-A.
    """
    count = dataset.inputs[0].size
    if normalise is None:
        return np.ones(count)
    if normalise == "range":
        width: NDArray[np.float64] = dataset.upper.astype(np.float64) - dataset.lower
        return width.reshape(-1)
    rows: NDArray[np.float64] = dataset.inputs.reshape(len(dataset), -1).astype(np.float64)
    deviation: NDArray[np.float64] = rows.std(0)
    return deviation
