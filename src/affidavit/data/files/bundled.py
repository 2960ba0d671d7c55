"""The small sets that come with scikit-learn: no file, no network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from affidavit.data.arrays import sealed
from affidavit.data.raw import Raw
from affidavit.errors import DataError, nearest

PREFIX = "sklearn:"
BUNDLED = ("digits", "breast_cancer", "wine", "iris", "diabetes")
"""What may follow the prefix. All are for classification but diabetes, which is for regression."""


def read_bundled(source: str) -> Raw:
    """The set that comes with scikit-learn, such as "sklearn:digits". Raises DataError for others.

    Digits are images, `1797 x 1 x 8 x 8`, with pixels divided by 16; the others are tables.
    """
    name = source.removeprefix(PREFIX)
    if name not in BUNDLED:
        known = ", ".join(PREFIX + item for item in BUNDLED)
        raise DataError(
            f"scikit-learn's set {name!r} is not among those read here{nearest(name, BUNDLED)}: "
            f"{known}"
        )
    import sklearn.datasets  # slow to import, and only needed here

    loader: Callable[[], Any] = getattr(sklearn.datasets, f"load_{name}")
    found = loader()
    if name == "digits":
        return Raw(
            inputs=sealed((found.images[:, None] / 16).astype(np.float32)),
            labels=found.target.astype(np.int64),
            class_names=tuple(str(item) for item in found.target_names),
        )
    names = tuple(str(item) for item in found.feature_names)
    regression = name == "diabetes"
    return Raw(
        inputs=sealed(found.data.astype(np.float32)),
        labels=found.target.astype(np.float64 if regression else np.int64),
        class_names=() if regression else tuple(str(item) for item in found.target_names),
        feature_names=names,
        columns={key: found.data[:, index] for index, key in enumerate(names)},
    )
