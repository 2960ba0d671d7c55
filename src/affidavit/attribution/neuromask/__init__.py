"""NeuroMask: the part of an input that preserves a prediction, learned as a mask."""

from affidavit.attribution.neuromask.learning import learn_masks
from affidavit.attribution.neuromask.masks import Masks
from affidavit.attribution.neuromask.presets import PRESETS, Preset, RMSProp

__all__ = ["PRESETS", "Masks", "Preset", "RMSProp", "learn_masks"]
