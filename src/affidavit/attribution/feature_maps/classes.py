"""Feature maps that a class rests on, and what becomes of them in wrong predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from affidavit.errors import DataError, DomainError

if TYPE_CHECKING:
    import pandas as pd


def high_conductance_maps(
    values: Tensor, predicted: Tensor, of_class: int, count: int = 3, labels: Tensor | None = None
) -> Tensor:
    """The maps of a layer that a class's predictions rest on most, [count], the first the most.

    They are the maps of largest mean conductance over the inputs that were rightly predicted as
    the class; of equal ones, the first.

    Args:
        values: conductances of the predicted class, [batch, channel].
        predicted: [batch].
        of_class: the class.
        count: how many maps.
        labels: the true classes, [batch]. Left out, every prediction counts as right.

    Raises:
        DomainError: a count that is not between 1 and the number of maps.
        DataError: no prediction of the class, or shapes that do not fit.

    Source: Wu, Michel and Briot 2019, section 3.2, after Dhamdhere et al. 2018.
    """
    right, _ = _sides(values, predicted, predicted if labels is None else labels, of_class)
    if not 1 <= count <= values.shape[1]:
        raise DomainError(
            f"count is {count}; expected between 1 and the layer's {values.shape[1]} maps"
        )
    if not bool(right.any()):
        raise DataError(
            f"no input was {'' if labels is None else 'rightly '}predicted as class {of_class}: its"
            " maps are not known"
        )
    means = values[right].double().mean(0)
    return torch.sort(means, descending=True, stable=True).indices[:count]


def class_table(
    values: Tensor,
    predicted: Tensor,
    labels: Tensor,
    classes: Sequence[int] | None = None,
    count: int = 3,
) -> pd.DataFrame:
    """Mean conductance of the maps that classes rest on, in right and in wrong predictions.

    Args:
        values: conductances of the predicted class, [batch, channel].
        predicted, labels: [batch].
        classes: that are told of; left out, all with a right prediction.
        count: maps of each class.

    Returns:
        A row for each class and map, the largest first: `class`, `map`, `right_mean` and
        `wrong_mean` (NaN where no prediction of the class is wrong), and `right` and `wrong`, the
        numbers of predictions that they are means of.

    Raises as :func:`high_conductance_maps`.

    Source: Wu, Michel and Briot 2019, tables 1 and 2.
    """
    import pandas as pd

    _require_fitting(values, predicted, labels)
    known = torch.unique(predicted[predicted == labels]).tolist()
    rows = []
    for one in known if classes is None else classes:
        maps = high_conductance_maps(values, predicted, one, count, labels)
        sides = _sides(values, predicted, labels, one)
        means = [
            values[side][:, maps].double().mean(0) if bool(side.any()) else [np.nan] * count
            for side in sides
        ]
        for place, number in enumerate(maps.tolist()):
            rows.append(
                {
                    "class": int(one),
                    "map": number,
                    "right_mean": float(means[0][place]),
                    "wrong_mean": float(means[1][place]),
                    "right": int(sides[0].sum()),
                    "wrong": int(sides[1].sum()),
                }
            )
    columns = ["class", "map", "right_mean", "wrong_mean", "right", "wrong"]
    return pd.DataFrame(rows, columns=columns)


def _sides(
    values: Tensor, predicted: Tensor, labels: Tensor, of_class: int
) -> tuple[Tensor, Tensor]:
    """Which inputs were rightly and which wrongly predicted as the class."""
    _require_fitting(values, predicted, labels)
    of = predicted == of_class
    return of & (labels == of_class), of & (labels != of_class)


def _require_fitting(values: Tensor, predicted: Tensor, labels: Tensor) -> None:
    shapes = [list(part.shape) for part in (values, predicted, labels)]
    if values.ndim != 2 or any(shape != shapes[0][:1] for shape in shapes[1:]):
        raise DataError(
            f"values, predicted and labels have the shapes {shapes[0]}, {shapes[1]} and"
            f" {shapes[2]}; expected [batch, channel], [batch] and [batch]"
        )
