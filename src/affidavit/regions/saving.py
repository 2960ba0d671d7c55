"""Partitions on disk: an npz archive to go on from, and a table for other tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from affidavit.errors import OutputError, RecordError
from affidavit.graph import Graph
from affidavit.regions import lp, planar
from affidavit.regions.domain import Box, Domain, Point, Polytope, Slice
from affidavit.regions.engines import Skeleton
from affidavit.regions.enumeration import Refinement, on
from affidavit.regions.geometry import Geometry
from affidavit.regions.lp import LinearPrograms
from affidavit.regions.planar import Planar
from affidavit.regions.polygons import Polygons
from affidavit.regions.result import Partition
from affidavit.regions.shape import Shape
from affidavit.regions.skeleton import Cells, Complex
from affidavit.regions.switches import Level, Ranking, Switch
from affidavit.regions.work import Work

VERSION = 1

_DOMAINS: dict[str, tuple[type[Any], tuple[str, ...]]] = {
    "box": (Box, ("lower", "upper")),
    "polytope": (Polytope, ("A", "b", "lower", "upper")),
    "slice": (Slice, ("point", "features", "lower", "upper", "A", "b")),
    "point": (Point, ("x", "lower", "upper")),
}
_COMPLEX = ("point", "zero", "neighbour")
_CELLS = ("bottom", "sides", "interior", "radius")
_POLYGONS = ("start", "point", "label", "volumes", "interior", "radius", "region")
_BUNDLE = ("start", "rows", "bounds", "basis", "center", "radius", "share")
_PLANAR = ("start", "point", "label", "done", "pattern")


def save(partition: Partition, path: str | Path) -> None:
    """Writes a partition as an npz archive; an incomplete one can be gone on with after loading.

    Raises:
        OutputError: the file cannot be written, or the refinement is not one of ours.
    """
    arrays: dict[str, np.ndarray] = {
        "patterns": partition.patterns,
        "centers": partition.centers,
        "radii": partition.radii,
    }
    kind = next(k for k, (made, _) in _DOMAINS.items() if isinstance(partition.domain, made))
    for name in _DOMAINS[kind][1]:
        arrays[f"domain.{name}"] = np.asarray(getattr(partition.domain, name))
    meta = {
        "version": VERSION,
        "engine": partition.engine,
        "complete": partition.complete,
        "reason": partition.reason,
        "decided": partition.decided,
        "seconds": partition.seconds,
        "graph": partition.network.graph.sha256,
        "domain": kind,
        "refine": _refinement(partition.network.refine, arrays),
        "shapes": [
            _shape(shape, f"shape{number}", arrays) for number, shape in enumerate(partition.shapes)
        ],
        "work": _work(partition.remaining, arrays),
    }
    arrays["meta"] = np.array(json.dumps(meta))
    try:
        with Path(path).open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise OutputError(f"the partition cannot be written to {path}: {error}") from error


def load(path: str | Path, model: Graph | nn.Module) -> Partition:
    """Reads a partition of that very model.

    Raises:
        RecordError: no such archive, or one of another model.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
        meta = json.loads(str(arrays["meta"]))
        kind, names = _DOMAINS[meta["domain"]]
        domain: Domain = kind(*[arrays[f"domain.{name}"] for name in names])
    except (OSError, ValueError, KeyError) as error:
        raise RecordError(f"{path} is no saved partition: {error}") from error
    if meta["version"] != VERSION:
        raise RecordError(f"{path} was written by another version: format {meta['version']}")
    network = on(model, domain, _refine(meta["refine"], arrays))
    if network.graph.sha256 != meta["graph"]:
        raise RecordError(f"{path} holds the partition of another network")
    shapes = [
        _cells(record, f"shape{number}", arrays) for number, record in enumerate(meta["shapes"])
    ]
    return Partition(
        network=network,
        domain=domain,
        engine=meta["engine"],
        patterns=arrays["patterns"],
        centers=arrays["centers"],
        radii=arrays["radii"],
        complete=meta["complete"],
        reason=meta["reason"],
        decided=meta["decided"],
        seconds=meta["seconds"],
        shapes=tuple(shapes),
        remaining=_take_up(meta["work"], arrays, network),
    )


def write_table(partition: Partition, path: str | Path) -> None:
    """Writes one row a region as Parquet: a point inside, the radius of a ball around it, the
    volume (up to 10 dimensions), the refinement's answer, and each output's weights and bias.

    Raises:
        OutputError: the file cannot be written.
    """
    import pandas as pd

    from affidavit.regions.polytope import MOST

    points = partition.interior_points
    features = partition.network.graph.input_names or tuple(
        f"x{i}" for i in range(len(partition.frame.base))
    )
    columns: dict[str, Any] = {
        f"point {features[feature]}": points[:, place]
        for place, feature in enumerate(partition.frame.shown)
    }
    columns["radius"] = partition.radii
    if partition.frame.dimensions <= MOST:
        columns["volume"] = partition.volumes
    if partition.network.refine is not None and partition.answers.shape[1] == 1:
        columns["answer"] = partition.answers[:, 0]
    weights, biases = partition.maps()
    for output in range(weights.shape[1]):
        for feature in range(weights.shape[2]):
            columns[f"weight {output} {features[feature]}"] = weights[:, output, feature]
        columns[f"bias {output}"] = biases[:, output]
    try:
        pd.DataFrame(columns).to_parquet(path)
    except OSError as error:
        raise OutputError(f"the table cannot be written to {path}: {error}") from error


def _refinement(refine: Switch | None, arrays: dict[str, np.ndarray]) -> str | None:
    if refine is None:
        return None
    if isinstance(refine, Level):
        arrays["refine.rows"] = refine.rows.numpy()
        arrays["refine.bounds"] = refine.bounds.numpy()
        return "level"
    return "ranking" if isinstance(refine, Ranking) else "decision"


def _refine(kind: str | None, arrays: dict[str, np.ndarray]) -> Refinement:
    if kind == "level":
        rows, bounds = arrays["refine.rows"], arrays["refine.bounds"]
        return Level(torch.from_numpy(rows), torch.from_numpy(bounds))
    return kind  # type: ignore[return-value]


def _shape(shape: Geometry, key: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    if isinstance(shape, Polygons):
        for name in _POLYGONS:
            arrays[f"{key}.{name}"] = getattr(shape, name)
        return {"kind": "polygons"}
    if isinstance(shape, Shape):
        for name in _COMPLEX:
            arrays[f"{key}.{name}"] = getattr(shape.complex, name)[: shape.complex.vertices]
        for name in _CELLS:
            arrays[f"{key}.{name}"] = getattr(shape.cells, name)
        arrays[f"{key}.region"] = shape.region
        displaced = shape.displaced
        return {"kind": "complex", "facets": shape.complex.facets, "displaced": displaced}
    raise OutputError(f"cells of the type {type(shape).__name__} cannot be written")


def _cells(record: dict[str, Any], key: str, arrays: dict[str, np.ndarray]) -> Geometry:
    if record["kind"] == "polygons":
        return Polygons(*[arrays[f"{key}.{name}"] for name in _POLYGONS])
    point, zero, neighbour = (arrays[f"{key}.{name}"] for name in _COMPLEX)
    cells = Cells(*[arrays[f"{key}.{name}"] for name in _CELLS])
    found = Complex(point, zero, neighbour, record["facets"], len(point))
    return Shape(found, cells, arrays[f"{key}.region"], record["displaced"])


def _work(work: Work | None, arrays: dict[str, np.ndarray]) -> dict[str, Any] | None:
    if isinstance(work, Skeleton):
        arrays["work.boxes"] = np.array(work.boxes)
        return {"engine": work.name, "seed": work.seed}
    if isinstance(work, LinearPrograms):
        for number, bundle in enumerate(work.bundles):
            for name in _BUNDLE:
                arrays[f"work{number}.{name}"] = getattr(bundle, name)
        blocks = [bundle.block for bundle in work.bundles]
        return {
            "engine": work.name,
            "seed": work.seed,
            "attempt": work.attempt,
            "blocks": blocks,
        }
    if isinstance(work, Planar):
        for number, part in enumerate(work.bundles):
            for name in _PLANAR:
                arrays[f"work{number}.{name}"] = getattr(part, name)
        stages = [part.stage for part in work.bundles]
        return {"engine": work.name, "cuts": work.cuts, "stages": stages}
    return None


def _take_up(
    meta: dict[str, Any] | None, arrays: dict[str, np.ndarray], network: Any
) -> Work | None:
    if meta is None:
        return None
    if meta["engine"] == "lp":
        bundles = [
            lp.Bundle(block, *[arrays[f"work{number}.{name}"] for name in _BUNDLE])
            for number, block in enumerate(meta["blocks"])
        ]
        return LinearPrograms(network, meta["seed"], attempt=meta["attempt"], bundles=bundles)
    if meta["engine"] == "planar":
        parts = [
            planar.Bundle(stage, *[arrays[f"work{number}.{name}"] for name in _PLANAR])
            for number, stage in enumerate(meta["stages"])
        ]
        return Planar(network, cuts=meta["cuts"], bundles=parts)
    boxes = [(box[0], box[1]) for box in arrays["work.boxes"]]
    return Skeleton(network, seed=meta["seed"], boxes=boxes)
