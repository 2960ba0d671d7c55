"""Conductance: how much each feature map of a layer contributed to a class's score."""

from __future__ import annotations

from affidavit.attribution.feature_maps.attribution import Method, conductance
from affidavit.attribution.feature_maps.classes import class_table, high_conductance_maps
from affidavit.attribution.feature_maps.result import Conductance, Way

__all__ = [
    "Conductance",
    "Method",
    "Way",
    "class_table",
    "conductance",
    "high_conductance_maps",
]
