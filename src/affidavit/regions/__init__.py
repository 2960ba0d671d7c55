"""Exact linear regions: what a piecewise-linear network does everywhere in a region of inputs.

`partition` finds the regions of a network on an analysis region (`Box`, `Polytope`, `Slice`,
`Point`, or the `cloud` of some points), each a polytope on which the network is one affine map.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affidavit.regions.domain import Box, Point, Polytope, Slice, cloud
    from affidavit.regions.enumeration import Progress, partition
    from affidavit.regions.result import Partition, Region
    from affidavit.regions.work import Limits

__all__ = [
    "Box",
    "Limits",
    "Partition",
    "Point",
    "Polytope",
    "Progress",
    "Region",
    "Slice",
    "cloud",
    "partition",
]

# Compiled loops and solvers take a while to import: each name brings its own module when used.
_HOMES = {
    **dict.fromkeys(("Box", "Point", "Polytope", "Slice", "cloud"), "domain"),
    **dict.fromkeys(("Progress", "partition"), "enumeration"),
    **dict.fromkeys(("Partition", "Region"), "result"),
    "Limits": "work",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
