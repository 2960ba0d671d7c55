"""Pictures of partitions: maps in Matplotlib, and an interactive one in a single HTML file."""

from __future__ import annotations

from affidavit.regions.pictures.bars import weight_bars
from affidavit.regions.pictures.interactive import interactive_map
from affidavit.regions.pictures.maps import decision_map, rank_map, weight_map

__all__ = ["decision_map", "interactive_map", "rank_map", "weight_bars", "weight_map"]
