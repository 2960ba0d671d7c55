"""NeuroMask: the part of an input that preserves a prediction, learned as a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from affidavit.attribution.neuromask.area_preset import AreaPreset
from affidavit.attribution.neuromask.learning import learn_masks
from affidavit.attribution.neuromask.masks import Masks
from affidavit.attribution.neuromask.presets import PRESETS, Preset, RMSProp

if TYPE_CHECKING:
    from affidavit.attribution.neuromask.attribution import NeuroMask, explain_func

__all__ = [
    "PRESETS",
    "AreaPreset",
    "Masks",
    "NeuroMask",
    "Preset",
    "RMSProp",
    "explain_func",
    "learn_masks",
]


def __getattr__(name: str) -> Any:
    # captum, their base class's home, takes a second to load: only for those who ask for them.
    if name in ("NeuroMask", "explain_func"):
        from affidavit.attribution.neuromask import attribution

        return getattr(attribution, name)
    raise AttributeError(f"module 'affidavit.attribution.neuromask' has no attribute {name!r}")
