"""Pictures of certificates: shares by size of the box, and bounds of explanations."""

from __future__ import annotations

from affidavit.certify.pictures.bars import bound_bars
from affidavit.certify.pictures.curves import share_curves
from affidavit.certify.pictures.maps import bound_maps

__all__ = ["bound_bars", "bound_maps", "share_curves"]
