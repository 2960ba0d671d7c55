"""Which parts of an input, and which feature maps, decided; and what such answers are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from affidavit.attribution.classifier import Classifier, Preprocessing
from affidavit.attribution.feature_maps import (
    Conductance,
    class_table,
    conductance,
    high_conductance_maps,
)
from affidavit.attribution.fill_ins import FILL_INS, fill_in
from affidavit.attribution.neuromask import PRESETS, Masks, learn_masks
from affidavit.attribution.reference import Against, drawn, learn_row_masks
from affidavit.attribution.tokens import TextClassifier, learn_token_masks

if TYPE_CHECKING:
    from affidavit.attribution.neuromask import NeuroMask

__all__ = [
    "FILL_INS",
    "PRESETS",
    "Against",
    "Classifier",
    "Conductance",
    "Masks",
    "NeuroMask",
    "Preprocessing",
    "TextClassifier",
    "class_table",
    "conductance",
    "drawn",
    "fill_in",
    "high_conductance_maps",
    "learn_masks",
    "learn_row_masks",
    "learn_token_masks",
]


def __getattr__(name: str) -> Any:
    if name == "NeuroMask":
        from affidavit.attribution.neuromask import NeuroMask

        return NeuroMask
    raise AttributeError(f"module 'affidavit.attribution' has no attribute {name!r}")
