"""Exact linear regions: what a piecewise-linear network does everywhere in a region of inputs.

`partition` finds the regions of a network on an analysis region (`Box`, `Polytope`, `Slice`,
`Point`, or the `cloud` of some points), each a polytope on which the network is one affine map.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affidavit.regions.answers import regions_where
    from affidavit.regions.areas import Area, decision_areas, enclaves
    from affidavit.regions.boundaries import Boundary, boundary
    from affidavit.regions.conditions import Condition, Where, above, below, exceeds, where
    from affidavit.regions.decision_queries import Decided, always, ever
    from affidavit.regions.domain import Box, Point, Polytope, Slice, cloud
    from affidavit.regions.enumeration import Progress, partition
    from affidavit.regions.feature_weights import Weights, weights
    from affidavit.regions.gradient_norms import LargestGradient, largest_gradient
    from affidavit.regions.monotone import Monotonicity, Rise, monotonicity
    from affidavit.regions.nearest_input import NearestChange, nearest_change
    from affidavit.regions.result import Partition, Region
    from affidavit.regions.shares import ClassShares, class_shares
    from affidavit.regions.tipping import TippingPoint, tipping_points
    from affidavit.regions.work import Limits

__all__ = [
    "Area",
    "Boundary",
    "Box",
    "ClassShares",
    "Condition",
    "Decided",
    "LargestGradient",
    "Limits",
    "Monotonicity",
    "NearestChange",
    "Partition",
    "Point",
    "Polytope",
    "Progress",
    "Region",
    "Rise",
    "Slice",
    "TippingPoint",
    "Weights",
    "Where",
    "above",
    "always",
    "below",
    "boundary",
    "class_shares",
    "cloud",
    "decision_areas",
    "enclaves",
    "ever",
    "exceeds",
    "largest_gradient",
    "monotonicity",
    "nearest_change",
    "partition",
    "regions_where",
    "tipping_points",
    "weights",
    "where",
]

# Compiled loops and solvers take a while to import: each name brings its own module when used.
_HOMES = {
    **dict.fromkeys(("Box", "Point", "Polytope", "Slice", "cloud"), "domain"),
    **dict.fromkeys(("Progress", "partition"), "enumeration"),
    **dict.fromkeys(("Partition", "Region"), "result"),
    "Limits": "work",
    **dict.fromkeys(("Area", "decision_areas", "enclaves"), "areas"),
    **dict.fromkeys(("Boundary", "boundary"), "boundaries"),
    **dict.fromkeys(("TippingPoint", "tipping_points"), "tipping"),
    **dict.fromkeys(("NearestChange", "nearest_change"), "nearest_input"),
    "regions_where": "answers",
    **dict.fromkeys(("ClassShares", "class_shares"), "shares"),
    **dict.fromkeys(("Condition", "Where", "above", "below", "exceeds", "where"), "conditions"),
    **dict.fromkeys(("Decided", "always", "ever"), "decision_queries"),
    **dict.fromkeys(("Weights", "weights"), "feature_weights"),
    **dict.fromkeys(("LargestGradient", "largest_gradient"), "gradient_norms"),
    **dict.fromkeys(("Monotonicity", "Rise", "monotonicity"), "monotone"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
