"""`affidavit explain`: which parts of an image decided, by one explainer or by several."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from affidavit.cli.exits import INCOMPLETE, command
from affidavit.cli.parameters import (
    DATA_PANEL,
    HOW_PANEL,
    MODEL_PANEL,
    AsJson,
    Device,
    Model,
    Output,
    Part,
    Quiet,
    Rows,
    Seed,
    Shares,
    Weights,
)

EXAMPLES = """Examples:

affidavit explain network.py:net cat.jpg dog.png --weights net.safetensors --size 224
--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --labels classes.txt --out out/explain

affidavit explain digits.onnx sklearn:digits --rows 0..3 --method neuromask --method saliency
--method random --out out/compare

affidavit explain network.py:net photographs --size 224 --preset fast --target 1 --learning
--out out/learning

Exit status: 0 all was done, 2 Ctrl-C came first, 3 it could not be done.
"""

_WHAT = "What explains"
_MEASURED = "What is measured"


@command
def explain(
    model: Model,
    images: Annotated[
        list[str],
        typer.Argument(
            help="Image files, folders of them, named data sets, or .npz files.",
            show_default=False,
        ),
    ],
    weights: Weights = None,
    mean: Annotated[
        str | None,
        typer.Option(
            help="The model takes (x - mean) / std of pixels x in [0, 1]: a number, or one a"
            " channel with commas.",
            show_default=False,
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    std: Annotated[
        str | None,
        typer.Option(help="See --mean.", show_default=False, rich_help_panel=MODEL_PANEL),
    ] = None,
    output: Output = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="File with the name of a class a line.",
            show_default=False,
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            help="Height and width that images are scaled and cut to: 224, or 200,300; by default"
            " what the model takes, else as they are.",
            show_default=False,
            rich_help_panel=DATA_PANEL,
        ),
    ] = None,
    grey: Annotated[
        bool | None,
        typer.Option(
            "--grey/--colour",
            help="One channel or three; by default what the model takes, else as the files are.",
            show_default=False,
            rich_help_panel=DATA_PANEL,
        ),
    ] = None,
    split: Shares = None,
    part: Part = "test",
    rows: Rows = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="neuromask (default), saliency, smoothgrad, grad_cam, guided_backprop,"
            " integrated_gradients, lime, lrp_epsilon, rise, occlusion, random, centre, edges;"
            " repeat for a comparison.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Of neuromask: fast (default), paper, official.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            help="An option of a method, such as rise.masks=8000; repeat for several.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Class that is explained, by name or number; by default the predicted one.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            help="Share of the pixels that is kept, to see whether they keep the prediction.",
            rich_help_panel=_MEASURED,
        ),
    ] = 0.2,
    fill_in: Annotated[
        str,
        typer.Option(
            help="What stands where pixels are hidden: black, grey, mean, blur or noise.",
            rich_help_panel=_MEASURED,
        ),
    ] = "black",
    steps: Annotated[
        int, typer.Option(min=1, help="Steps of a curve.", rich_help_panel=_MEASURED)
    ] = 50,
    learning: Annotated[
        bool,
        typer.Option(
            "--learning",
            help="Also draw how the masks of neuromask came about.",
            rich_help_panel=HOW_PANEL,
        ),
    ] = False,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Images explained together.", rich_help_panel=HOW_PANEL)
    ] = 16,
    device: Device = "cpu",
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for masks, panels, tables and curves.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Explain which parts of images decided, and measure what the explanations are worth."""
    import json

    from affidavit.cli.console import show
    from affidavit.cli.explain import files as explain_files
    from affidavit.cli.explain.setup import Pictures, Subject, asked_of
    from affidavit.cli.explain.tables import explanations_table, means_table, record
    from affidavit.cli.explain.work import Measured, explained
    from affidavit.cli.folders import prepare

    if out is not None:
        prepare(out)
    subject = Subject(model, weights, mean, std, output, labels, seed, device)
    pictures = Pictures(tuple(images), size, grey, split, part, rows)
    asked = asked_of(subject, pictures, method or ["neuromask"], preset, option or [], target)
    measured = Measured(share, fill_in, steps, batch_size, learning)
    progress = not quiet and sys.stderr.isatty()
    found, reason = explained(asked, measured, progress)
    files: list[str] = []
    if out is not None:
        files = explain_files.write(asked, measured, found, out)
    if as_json:
        show(json.dumps(record(asked, measured, found), indent=2))
    elif not quiet:
        show(explanations_table(asked, measured, found))
        if len(asked.names) > 1:
            show(means_table(asked, measured, found))
        if reason is not None:
            show(f"Not all was done: {reason}.")
        if out is not None:
            show(f"Written to {out}: {', '.join(files)}")
    return 0 if reason is None else INCOMPLETE
