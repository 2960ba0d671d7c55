"""Pictures of partitions of two features: each region a polygon."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from affidavit.regions import Partition

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.collections import PolyCollection
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

PALE = ["#d1495b", "#66a182", "#8d6ba8", "#edae49", "#3b7ea1", "#9aa5b1"]


def polygons(partition: Partition) -> tuple[list[np.ndarray], np.ndarray]:
    """Corners of each cell in order, in user coordinates, and the region each one is of."""
    corners, regions = [], []
    for shape in partition.shapes:
        start, vertex = shape.vertices
        points = partition.frame.to_user(shape.complex.point[vertex])
        for cell in np.flatnonzero(shape.region >= 0):
            mine = points[start[cell] : start[cell + 1]]
            around = mine - mine.mean(0)
            spread = np.ptp(mine, axis=0) + 1e-300
            order = np.argsort(np.arctan2(around[:, 1] / spread[1], around[:, 0] / spread[0]))
            corners.append(mine[order])
            regions.append(shape.region[cell])
    return corners, np.array(regions)


def fill(
    axes: Any,
    partition: Partition,
    values: np.ndarray,
    colours: Sequence[str] | str,
    limits: tuple[float, float],
    edge: float = 0.15,
    units: tuple[float, float] = (1, 1),
) -> Any:
    """Each region in the colour of its value.

    Args:
        colours: a list, one a whole number from limits[0] on, or the name of a colour map.
        units: what to multiply the two coordinates by.
    """
    corners, regions = polygons(partition)
    found = PolyCollection(
        [corner * units for corner in corners],
        array=np.asarray(values, float)[regions],
        cmap=colours if isinstance(colours, str) else ListedColormap(list(colours)),
        edgecolors="black" if edge else "face",
        linewidths=edge or 0.1,
    )
    found.set_clim(*limits)
    # Thousands of small polygons are drawn as pixels, whatever the file.
    found.set_rasterized(True)
    axes.add_collection(found)
    every = np.concatenate(corners) * units
    axes.set_xlim(every[:, 0].min(), every[:, 0].max())
    axes.set_ylim(every[:, 1].min(), every[:, 1].max())
    return found


def legend(axes: Any, names: Sequence[str], colours: Sequence[str], **options: Any) -> None:
    """A legend of filled patches."""
    patches = [Patch(color=colour, label=name) for name, colour in zip(names, colours, strict=True)]
    axes.legend(handles=patches, **options)


def save(figure: Any, path: Path, dpi: int = 110) -> None:
    """Writes the picture, and closes it."""
    figure.savefig(path, dpi=dpi, bbox_inches="tight")
    plt.close(figure)
