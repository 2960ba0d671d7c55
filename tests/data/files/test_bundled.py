"""The sets that come with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from affidavit.data import load
from affidavit.errors import DataError


def test_digits_are_images() -> None:
    data = load("sklearn:digits")
    assert data.inputs.shape == (1797, 1, 8, 8)
    assert (data.inputs.min(), data.inputs.max()) == (0, 1)
    assert data.class_names == tuple("0123456789")
    assert data.feature_names == ()


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("breast_cancer", (569, 30), ("malignant", "benign")),
        ("wine", (178, 13), ("class_0", "class_1", "class_2")),
        ("iris", (150, 4), ("setosa", "versicolor", "virginica")),
        ("diabetes", (442, 10), ()),
    ],
)
def test_tables(name: str, shape: tuple[int, int], classes: tuple[str, ...]) -> None:
    data = load(f"sklearn:{name}")
    assert data.inputs.shape == shape
    assert data.class_names == classes
    assert len(data.feature_names) == shape[1]
    assert data.labels.dtype == (np.int64 if classes else np.float64)
    assert data.regression == (not classes)


def test_unknown() -> None:
    with pytest.raises(DataError, match=r"'digit' .*\(did you mean 'digits'\?\): sklearn:digits, "):
        load("sklearn:digit")
