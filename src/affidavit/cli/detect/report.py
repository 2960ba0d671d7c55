"""`affidavit detect report`: what a saved detector is worth, on data it has not seen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from affidavit.cli.exits import command
from affidavit.cli.parameters import (
    DATA_PANEL,
    AsJson,
    Data,
    Device,
    Label,
    Model,
    Part,
    Quiet,
    Rows,
    Seed,
    Shares,
    Size,
    Weights,
)

EXAMPLES = """Examples:

affidavit detect report out/detector network.py:net --weights net.safetensors --data sklearn:digits
--split train=0.4,validation=0.3,test=0.3 --specialist-accuracy 1 --out out/detector-report

affidavit detect report out/detector network.py:net --weights net.safetensors --data sklearn:digits
--split train=0.4,validation=0.3,test=0.3 --against entropy --against doctor --second
network.py:large --second-weights large.safetensors --second-cost 10

Exit status: 0 all was done, 3 it could not be done.
"""

_COMPARED = "What it is compared with"
_SECOND = "What refused inputs go on to"


@command
def report(
    folder: Annotated[
        Path, typer.Argument(help="Folder of `affidavit detect fit`.", show_default=False)
    ],
    model: Model,
    data: Data,
    weights: Weights = None,
    label: Label = None,
    size: Size = None,
    split: Shares = None,
    part: Part = "test",
    rows: Rows = None,
    overlap: Annotated[
        str,
        typer.Option(
            help="What to do with rows that the detector was fitted on: refuse to report, drop"
            " them, or keep them and say so.",
            rich_help_panel=DATA_PANEL,
        ),
    ] = "refuse",
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="Scorer to compare with, or none; repeat for several. Those that learn must have"
            " been fitted along. By default, all that were.",
            show_default=False,
            rich_help_panel=_COMPARED,
        ),
    ] = None,
    confidence: Annotated[
        float, typer.Option(help="Of bootstrap intervals.", rich_help_panel=_COMPARED)
    ] = 0.95,
    samples: Annotated[
        int, typer.Option(min=1, help="Bootstrap resamples.", rich_help_panel=_COMPARED)
    ] = 2000,
    second: Annotated[
        str | None,
        typer.Option(
            help="A larger model, which is given the same inputs, prepared alike.",
            show_default=False,
            rich_help_panel=_SECOND,
        ),
    ] = None,
    second_weights: Annotated[
        Path | None,
        typer.Option(help="Its weights.", show_default=False, rich_help_panel=_SECOND),
    ] = None,
    specialist_accuracy: Annotated[
        float | None,
        typer.Option(
            help="Instead of a model, people who are right in this share of all cases.",
            show_default=False,
            rich_help_panel=_SECOND,
        ),
    ] = None,
    second_cost: Annotated[
        float,
        typer.Option(help="Of an input, where one of the model costs 1.", rich_help_panel=_SECOND),
    ] = 1.0,
    device: Device = "cpu",
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for tables and pictures.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure a detector on labelled rows that it was not fitted on, beside baselines."""
    import json

    from affidavit.cli.console import show
    from affidavit.cli.detect import reporting, tables
    from affidavit.cli.detect.asked import classes_of
    from affidavit.cli.detect.files import write_report
    from affidavit.cli.detect.folder import Fitting
    from affidavit.cli.detect.second import second_of
    from affidavit.cli.detect.setup import Subject, check_takes, chosen_rows, model_of
    from affidavit.cli.folders import prepare
    from affidavit.cli.options import one_of

    one_of("--overlap", overlap, ("refuse", "drop", "keep"))
    if out is not None:
        prepare(out)
    progress = not quiet and sys.stderr.isatty()
    fitting = Fitting.load(folder)
    subject = Subject(model, weights, data, label, split, size, seed, device)
    dataset = subject.dataset(progress)
    source = model_of(subject, fitting.preparation, dataset)
    methods = reporting.methods_of(folder, source, fitting, against)
    chosen = chosen_rows(subject, dataset, part, rows, source)
    chosen, seen, warnings = reporting.untouched(fitting, dataset, chosen, overlap)
    check_takes(source, chosen)
    follower = second_of(
        subject, fitting.preparation, dataset, chosen, second, second_weights,
        specialist_accuracy, second_cost,
    )  # fmt: skip
    signals = reporting.signals_for(methods, chosen, progress)
    found = reporting.report(
        methods, signals, chosen.labels, seen, follower,
        samples=samples, confidence=confidence, seed=seed,
    )  # fmt: skip
    facts = {
        "fitted": dict(fitting.facts), "model": model, "data": dataset.name, "part": part,
        "rows": len(chosen), "seed": seed,
    }  # fmt: skip
    record = tables.report_record(facts, found, follower, warnings)
    title = f"{len(chosen):,} rows of {part}, {found.comparison.wrong:,} predictions wrong"
    files: list[str] = []
    if out is not None:
        classes = classes_of(dataset, signals.logits.shape[1])
        files = write_report(record, found, chosen, classes, title, out)
    if as_json:
        show(json.dumps(record, indent=2))
    elif not quiet:
        show(*(f"WARNING: {warning}" for warning in warnings))
        show(fitting.facts["in_words"][0], tables.metrics_table(found, title))
        show(*tables.verdicts(found.comparison), "", tables.counts_table(found))
        if follower is not None:
            show("", tables.cascade_table(found, follower))
        if out is not None:
            show(f"Written to {out}: {', '.join(files)}")
