"""Maps that a class rests on, and the tables of their means."""

from __future__ import annotations

import pytest
import torch

from affidavit.attribution import class_table, high_conductance_maps
from affidavit.errors import DataError, DomainError

VALUES = torch.tensor(
    [[1.0, 5, 3], [3, 7, 3], [9, 0, 0], [0, 1, 2], [4, 4, 4]], dtype=torch.float64
)
PREDICTED = torch.tensor([0, 0, 0, 1, 1])
LABELS = torch.tensor([0, 0, 1, 1, 1])


def test_maps_are_of_right_predictions() -> None:
    assert high_conductance_maps(VALUES, PREDICTED, 0, 2, LABELS).tolist() == [1, 2]
    # Without labels the third counts too: means 13/3, 4, 2.
    assert high_conductance_maps(VALUES, PREDICTED, 0, 2).tolist() == [0, 1]
    assert high_conductance_maps(torch.ones(5, 3), PREDICTED, 0, 3).tolist() == [0, 1, 2]


def test_a_table_of_means() -> None:
    table = class_table(VALUES, PREDICTED, LABELS, count=2)
    assert table["class"].tolist() == [0, 0, 1, 1]
    assert table["map"].tolist() == [1, 2, 2, 1]
    assert table["right_mean"].tolist() == [6.0, 3.0, 3.0, 2.5]
    assert table["wrong_mean"].tolist()[:2] == [0.0, 0.0]
    assert table["wrong_mean"].isna().tolist() == [False, False, True, True]
    assert table["right"].tolist() == [2, 2, 2, 2]
    assert table["wrong"].tolist() == [1, 1, 0, 0]
    assert class_table(VALUES, PREDICTED, LABELS, classes=[1], count=1)["map"].tolist() == [2]


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(DomainError, match="count is 4; expected between 1 and the layer's 3 maps"):
        high_conductance_maps(VALUES, PREDICTED, 0, 4)
    with pytest.raises(DataError, match="no input was rightly predicted as class 2"):
        high_conductance_maps(VALUES, PREDICTED, 2, 1, LABELS)
    with pytest.raises(DataError, match=r"shapes \[5, 3\], \[4\] and \[5\]; expected"):
        class_table(VALUES, PREDICTED[:4], LABELS)
