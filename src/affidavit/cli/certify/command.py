"""`affidavit certify`: for which inputs no adversary can bend the explanation or the prediction."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from affidavit.cli.exits import INCOMPLETE, command
from affidavit.cli.parameters import (
    DATA_PANEL,
    HOW_PANEL,
    AsJson,
    Device,
    Label,
    LimitSeconds,
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

affidavit certify digits.onnx --data sklearn:digits --against prediction --epsilon 0.01,0.02,0.05

affidavit certify network.py:mlp --weights mlp.safetensors --data patients.csv --label diagnosis
--epsilon 0.1 --normalise sigma --tau 0.01 --rows 100 --out out/certify

affidavit certify network.py:mlp --data loans.csv --label paid --against top_k --feature sex --top 2
--epsilon 0.5 --normalise sigma --largest

Exit status: 0 all was done, 2 a limit or Ctrl-C came first, 3 it could not be done.
"""

_WHAT = "What is certified"
_BOX = "What may vary"


@command
def certify(
    model: Model,
    data: Annotated[
        str,
        typer.Option(
            help="Named data set or file.", show_default=False, rich_help_panel=DATA_PANEL
        ),
    ],
    weights: Weights = None,
    label: Label = None,
    split: Shares = None,
    part: Part = "test",
    rows: Rows = None,
    output: Output = None,
    epsilon: Annotated[
        list[str] | None,
        typer.Option(
            help="Every feature varies by up to this; several with commas.",
            show_default=False,
            rich_help_panel=_BOX,
        ),
    ] = None,
    gamma: Annotated[
        list[str] | None,
        typer.Option(
            help="Every parameter varies by up to this share of its size; several with commas.",
            show_default=False,
            rich_help_panel=_BOX,
        ),
    ] = None,
    normalise: Annotated[
        str | None,
        typer.Option(
            help="Unit of features, of epsilon and of explanations: range or sigma in the data.",
            show_default=False,
            rich_help_panel=_BOX,
        ),
    ] = None,
    beyond_data: Annotated[
        bool,
        typer.Option(
            "--beyond-data",
            help="Features may vary beyond the data's range.",
            rich_help_panel=_BOX,
        ),
    ] = False,
    against: Annotated[
        str,
        typer.Option(
            help="untargeted, targeted or top_k (explanations), or prediction.",
            rich_help_panel=_WHAT,
        ),
    ] = "untargeted",
    tau: Annotated[
        float | None,
        typer.Option(
            help="Threshold of the metric, which untargeted and targeted need.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    metric: Annotated[str, typer.Option(help="mse or cosine.", rich_help_panel=_WHAT)] = "mse",
    goal: Annotated[
        str,
        typer.Option(
            help="targeted: corners (of images), or a .npy file of explanations.",
            rich_help_panel=_WHAT,
        ),
    ] = "corners",
    feature: Annotated[
        list[str] | None,
        typer.Option(
            help="top_k: a feature that must stay out; repeat for several.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    top: Annotated[
        int, typer.Option(help="top_k: how many features make up the top.", rich_help_panel=_WHAT)
    ] = 5,
    loss: Annotated[
        str,
        typer.Option(
            help="What is explained: logit, margin or cross_entropy.", rich_help_panel=_WHAT
        ),
    ] = "logit",
    target: Annotated[
        str | None,
        typer.Option(
            help="Class that is explained, or two with a comma; by default the predicted one.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="Bounds: ibp, crown, bab, or auto (ibp, then crown for what is left).",
            rich_help_panel=HOW_PANEL,
        ),
    ] = "auto",
    attack: Annotated[
        bool,
        typer.Option(
            "--attack/--no-attack",
            help="Attack what ibp does not certify.",
            rich_help_panel=HOW_PANEL,
        ),
    ] = True,
    largest: Annotated[
        bool,
        typer.Option(
            "--largest",
            help="Also the largest certified size of each input, by bisection up to the largest"
            " that is given.",
            rich_help_panel=HOW_PANEL,
        ),
    ] = False,
    limit_seconds: LimitSeconds = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Inputs at once.", rich_help_panel=HOW_PANEL)
    ] = 256,
    device: Device = "cpu",
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for bounds.npz, table.csv, table.json and pictures.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Certify, input by input, that no small change of inputs or weights bends the explanation (or
    changes the prediction), and attack what cannot be certified."""
    import json

    from affidavit.cli.certify import files as certify_files
    from affidavit.cli.certify.setup import (
        Subject,
        asked_of,
        context_of,
        sizes_of,
        target_keys,
    )
    from affidavit.cli.certify.tables import largest_table, shares_table
    from affidavit.cli.certify.work import lines_of, reach_of
    from affidavit.cli.console import show
    from affidavit.cli.folders import prepare

    if out is not None:
        prepare(out)
    sizes = sizes_of(epsilon or (), gamma or ())
    subject = Subject(model, weights, data, label, split, output, seed, batch_size, device)
    context = context_of(subject, not quiet and sys.stderr.isatty())
    keys = {
        "against": against, "tau": tau, "metric": metric, "goal": goal, "features": feature or [],
        "k": top, "loss": loss, **target_keys(target),
    }  # fmt: skip
    asked = asked_of(
        context,
        part,
        rows,
        keys,
        normalise=normalise,
        beyond_data=beyond_data,
        method=method,
        attack=attack,
    )
    until = time.monotonic() + (float("inf") if limit_seconds is None else limit_seconds)
    lines = lines_of(context, asked, sizes, until)
    complete = len(lines) == len(sizes) and lines[-1].found.finished
    reach = None
    if largest and complete:
        reach = reach_of(context, asked, sizes, until)
        complete = reach.finished
    files: list[str] = []
    if out is not None:
        files = certify_files.write(context, asked, lines, reach, out)
    if as_json:
        show(json.dumps(certify_files.record(asked, lines, reach), indent=2))
    elif not quiet:
        show(shares_table(asked.title, lines))
        if reach is not None:
            show(largest_table(reach))
        reasons = [*(line.found.reason for line in lines), *([reach.reason] if reach else [])]
        for reason in filter(None, reasons):
            show(f"Not all was done: {reason}.")
        if out is not None:
            show(f"Written to {out}: {', '.join(files)}")
    return 0 if complete else INCOMPLETE
