"""Inputs of one part of the data that occur in another."""

from __future__ import annotations

from collections.abc import Iterator

from affidavit.data import Dataset


def leakage(dataset: Dataset, on: str) -> Iterator[str]:
    """A remark for each other part that shares inputs with the audited one."""
    seen = {dataset.inputs[row].tobytes() for row in dataset.parts[on]}
    for name, rows in dataset.parts.items():
        if name != on:
            shared = sum(dataset.inputs[row].tobytes() in seen for row in rows)
            if shared:
                inputs = "input" if shared == 1 else "inputs"
                yield (
                    f"Caution: {shared:,} {inputs} of the part {name!r} occur in {on!r} too, entry"
                    " for entry."
                )
