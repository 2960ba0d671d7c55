"""The class that is explained, in every form it may be given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from affidavit.attribution.targets import classes
from affidavit.errors import DomainError

SCORES = torch.tensor([[1.0, 3.0, 2.0], [4.0, 4.0, 0.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (None, [1, 0, 2]),
        (0, [0, 0, 0]),
        (np.int64(2), [2, 2, 2]),
        ([0, 1, 2], [0, 1, 2]),
        ((2, 0, 0), [2, 0, 0]),
        (np.array([1, 1, 0]), [1, 1, 0]),
        (torch.tensor(0), [0, 0, 0]),
        (torch.tensor([2, 1, 0], dtype=torch.int32), [2, 1, 0]),
    ],
)
def test_every_form(target: Any, expected: list[int]) -> None:
    found = classes(target, SCORES)
    assert found.dtype == torch.int64
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (3, "target 3 is out of range: the model has 3 classes, 0 to 2"),
        ([0, -1, 0], "target -1 is out of range"),
        ([0, 1], r"the shape \[2\]; expected one class, or 3"),
        (torch.zeros(3, 1, dtype=torch.long), r"the shape \[3, 1\]"),
        (1.0, "expected whole numbers"),
        (True, "expected whole numbers"),
        (torch.tensor([True, False, True]), "expected whole numbers"),
        ("cat", "expected classes by number"),
        ([[0], [1, 2]], "expected classes by number"),
    ],
)
def test_what_is_no_class(target: Any, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        classes(target, SCORES)


def test_the_list_of_nobody() -> None:
    assert classes(None, torch.zeros(0, 3)).tolist() == []
    assert classes([], torch.zeros(0, 3)).tolist() == []
