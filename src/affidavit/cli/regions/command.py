"""`affidavit regions`: the exact linear regions of a model, what they say, and their pictures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from affidavit.cli.exits import INCOMPLETE, command
from affidavit.cli.parameters import Model, Quiet

if TYPE_CHECKING:
    from affidavit.data import Dataset
    from affidavit.graph import Graph

EXAMPLES = """Examples:

affidavit regions model.onnx --box -1 1

affidavit regions network.py:mlp --weights mlp.safetensors --data sklearn:breast_cancer
--slice "mean radius" "mean texture" --at mean --out out/regions

affidavit regions model.onnx --data sklearn:iris --where "petal width (cm)=0.1..1"
--limit-seconds 60

Exit status: 0 all regions were found, 2 a limit or Ctrl-C came first, 3 it could not be done.
"""


@command
def regions(
    model: Model,
    weights: Annotated[
        Path | None, typer.Option(help="Weights of the factory's module.", show_default=False)
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Named data set or file: ranges, names and rows.", show_default=False),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Column of a table that is predicted.", show_default=False)
    ] = None,
    box: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="Lower and upper bounds: a number for all features, or one each, with commas.",
            metavar="LOWER UPPER",
            show_default=False,
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Narrow a feature: age=0..18, or age=18.", show_default=False),
    ] = None,
    slice_: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--slice",
            help="Vary two features only, by name or number.",
            metavar="FEATURE FEATURE",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="Where the slice lies: a row of the data, mean, or middle (of the ranges).",
            show_default=False,
        ),
    ] = None,
    point: Annotated[
        int | None, typer.Option(help="Only the region of this row.", show_default=False)
    ] = None,
    cloud: Annotated[
        bool, typer.Option("--cloud", help="The convex envelope of the data's rows.")
    ] = False,
    engine: Annotated[str, typer.Option(help="auto, skeleton, planar, lp or milp.")] = "auto",
    refine: Annotated[
        str,
        typer.Option(help="Tell regions apart by decision or ranking too; auto, or none."),
    ] = "auto",
    output: Annotated[
        int | None,
        typer.Option(help="Whose weights; by default the output decided for.", show_default=False),
    ] = None,
    limit_regions: Annotated[
        float | None, typer.Option(help="Stop at so many regions.", show_default=False)
    ] = None,
    limit_seconds: Annotated[
        float | None, typer.Option(help="Stop after so long.", show_default=False)
    ] = None,
    limit_memory: Annotated[
        float | None, typer.Option(help="Stop at so many GiB.", show_default=False)
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(help="partition.npz of an earlier run to go on from.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for partition.npz, summary.json, pictures and map.html.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Quiet = False,
) -> int:
    """Find all linear regions of a network in a region of inputs, and say what they tell."""
    import json

    from affidavit.cli.console import show
    from affidavit.cli.folders import prepare
    from affidavit.cli.regions import files as region_files
    from affidavit.cli.regions.domain import Wanted, bounds_of, domain_of
    from affidavit.cli.regions.tables import summary_tables
    from affidavit.errors import DomainError
    from affidavit.regions import Limits, Partition, partition
    from affidavit.regions.enumeration import Engine
    from affidavit.regions.summary import summarise
    from affidavit.regions.verification import verify

    if out is not None:
        prepare(out)
    graph, dataset = _subject(model, weights, data, label)
    names = _names(graph, dataset)
    wanted = Wanted(box, where or (), slice_, at, point, cloud)
    earlier = None
    if resume is not None:
        if any((where, slice_, at, cloud, point is not None)):
            raise DomainError("--resume goes on in the region it began in: give no other one")
        earlier = Partition.load(resume, graph)
    domain = earlier.domain if earlier else domain_of(wanted, names, dataset)
    given = dataset is not None or box is not None
    ranges = bounds_of(wanted, names, dataset) if given else None
    told = earlier.network.refine if earlier else _refinement(refine, graph, dataset)
    endless = float("inf")
    limits = Limits(
        regions=endless if limit_regions is None else limit_regions,
        seconds=endless if limit_seconds is None else limit_seconds,
        bytes=endless if limit_memory is None else limit_memory * 2**30,
    )
    found = partition(
        graph,
        domain,
        engine=cast(Engine, engine),  # which tells an unknown one
        refine=told,
        limits=limits,
        progress=not quiet and sys.stderr.isatty(),
        resume=earlier,
        verify=False,
    )
    if not len(found):
        # An engine that cuts everything at once has nothing to show before it is done.
        if out is not None:
            found.save(out / "partition.npz")
        if not quiet:
            show(f"No region was found: {found.reason}.")
        return INCOMPLETE
    checked = verify(found)
    classes = _classes(graph, dataset)
    summary = summarise(
        found, output=output, ranges=ranges, names=names, classes=classes, verification=checked
    )
    files: list[str] = []
    if out is not None:
        files = region_files.write(
            found, summary, out, names=names, classes=classes, ranges=ranges, output=output
        )
    if as_json:
        show(json.dumps(summary.as_json(), indent=2))
    elif not quiet:
        show(*summary_tables(summary))
        if out is not None:
            show(f"Written to {out}: {', '.join(files)}")
    return 0 if found.complete else INCOMPLETE


def _subject(
    model: str, weights: Path | None, data: str | None, label: str | None
) -> tuple[Graph, Dataset | None]:
    """The model's graph and the data, by the same ways as those of a contract."""
    from affidavit.contract.specification import Data, Model
    from affidavit.contract.subject import load_data, load_model
    from affidavit.errors import ModelError
    from affidavit.graph import load

    here = Path()
    if data is None:
        if not model.lower().endswith(".onnx"):
            raise ModelError(
                "a factory's network takes inputs of a size that only the data tell: give --data,"
                " or the network as an .onnx file"
            )
        return load(model), None
    dataset = load_data(Data(source=data, label=label), here, progress=True)
    section = Model(source=model, weights=None if weights is None else str(weights))
    return load_model(section, here, dataset), dataset


def _names(graph: Graph, dataset: Dataset | None) -> Sequence[str]:
    import math

    count = math.prod(graph.input_shape)
    for names in (graph.input_names, dataset.feature_names if dataset is not None else ()):
        if len(names) == count:
            return names
    return [f"feature {index}" for index in range(count)]


def _classes(graph: Graph, dataset: Dataset | None) -> Sequence[str] | None:
    outputs = abs(_outputs(graph))
    names = dataset.class_names if dataset is not None else ()
    return names if len(names) == max(2, outputs) else None


def _outputs(graph: Graph) -> int:
    import math

    return math.prod(graph.shapes[graph.output][1:])


def _refinement(
    wanted: str, graph: Graph, dataset: Dataset | None
) -> Literal["decision", "ranking"] | None:
    from affidavit.errors import DomainError, nearest
    from affidavit.graph import ops

    kinds: dict[str, Any] = {"decision": "decision", "ranking": "ranking", "none": None}
    if wanted in kinds:
        found: Literal["decision", "ranking"] | None = kinds[wanted]
        return found
    if wanted != "auto":
        raise DomainError(
            f"--refine {wanted!r}{nearest(wanted, kinds)}: expected auto, decision, ranking or none"
        )
    if dataset is not None and dataset.regression:
        return None
    sigmoid = isinstance(graph[graph.output].op, ops.Sigmoid)
    return "decision" if _outputs(graph) > 1 or sigmoid else None
