"""Rows to train on, to choose on, and to judge on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from affidavit.data import Dataset
from affidavit.errors import DataError


@dataclass(frozen=True)
class Parts:
    """The rows of a data set, by what they are for: (inputs, labels) each."""

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor] | None

    @classmethod
    def of(cls, data: Dataset) -> Parts:
        """Raises DataError for regression, or without rows to train and to choose on."""
        if data.regression:
            raise DataError(f"{data.name} has numbers to predict; expected classes")
        rows = {
            part: (torch.from_numpy(of.inputs.copy()), torch.from_numpy(of.labels.copy()))
            for part in ("train", "validation", "test")
            if part in data.parts and len(data.parts[part])
            for of in [data.part(part)]
        }
        for part in ("train", "validation"):
            if part not in rows:
                there = ", ".join(data.parts)
                raise DataError(
                    f"{data.name} has no rows in a part {part!r}, only: {there}. Runs are trained"
                    " on one part, compared on another and judged on a third: expected a split"
                    " with train, validation and test."
                )
        return cls(rows["train"], rows["validation"], rows.get("test"))
