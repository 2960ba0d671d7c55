"""Pictures of explanations: one image, many by many methods, learning on its way, curves, bars."""

from __future__ import annotations

from affidavit.attribution.pictures.curves import curves
from affidavit.attribution.pictures.feature_maps import feature_maps
from affidavit.attribution.pictures.grids import comparison_grid
from affidavit.attribution.pictures.learning import learning_progress
from affidavit.attribution.pictures.panels import panel

__all__ = ["comparison_grid", "curves", "feature_maps", "learning_progress", "panel"]
