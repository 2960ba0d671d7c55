"""Arguments and options that several commands declare alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

MODEL_PANEL = "Model"
DATA_PANEL = "Data"
HOW_PANEL = "How"

Model: TypeAlias = Annotated[
    str,
    typer.Argument(
        help="An .onnx file, or a factory: package.module:function or file.py:function.",
        show_default=False,
    ),
]
Weights: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Weights of the factory's module.", show_default=False, rich_help_panel=MODEL_PANEL
    ),
]
Output: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="What a single output is: logit or probability.",
        show_default=False,
        rich_help_panel=MODEL_PANEL,
    ),
]
Data: TypeAlias = Annotated[
    str,
    typer.Option(help="Named data set or file.", show_default=False, rich_help_panel=DATA_PANEL),
]
Size: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Height and width that images are scaled and cut to: 224, or 200,300; by default as"
        " they are.",
        show_default=False,
        rich_help_panel=DATA_PANEL,
    ),
]
Label: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Column of a table that is predicted.", show_default=False, rich_help_panel=DATA_PANEL
    ),
]
Shares: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="Parts of a data set: train=0.6,test=0.4, or published.",
        show_default=False,
        rich_help_panel=DATA_PANEL,
    ),
]
Part: TypeAlias = Annotated[
    str, typer.Option(help="The part of a data set that rows are of.", rich_help_panel=DATA_PANEL)
]
Rows: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Rows of the part: how many to draw (100), or which (3,17 or 20..29); by default all.",
        show_default=False,
        rich_help_panel=DATA_PANEL,
    ),
]
Device: TypeAlias = Annotated[str, typer.Option(help="torch device.", rich_help_panel=HOW_PANEL)]
Seed: TypeAlias = Annotated[
    int, typer.Option(min=0, help="Of all that is drawn.", rich_help_panel=HOW_PANEL)
]
LimitSeconds: TypeAlias = Annotated[
    float | None,
    typer.Option(help="Stop after so long.", show_default=False, rich_help_panel=HOW_PANEL),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the table as JSON.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
