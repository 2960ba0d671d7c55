"""`affidavit attain search`: train again and again, choose the best, and certify it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from affidavit.cli.exits import EXIT_STATUS, INCOMPLETE, command
from affidavit.cli.parameters import (
    DATA_PANEL,
    HOW_PANEL,
    AsJson,
    Data,
    Device,
    Label,
    Quiet,
    Seed,
    Size,
)

EXAMPLES = """Examples:

affidavit attain search --hidden 32 --data sklearn:digits --max-trial 20 --epochs 10
--at-least 0.9 --out out/attained

affidavit attain search network.py:net --data sklearn:digits --max-trial 12 --max-time 5min
--strategy walk --option deltas=0.0025,0.003 --option budget=6

affidavit attain search --channels 4,8 --hidden 16 --data sklearn:digits --strategy halving
--option population=8 --option factor=2 --epochs 4 --max-trial 8

A search that was interrupted goes on when the command is repeated with the same --out or --storage.

Exit status: 0 it was done (with --at-least: the chosen run has that accuracy), 1 it does not have
it, 2 that is undecided, or the search was interrupted, 3 it could not be done.
"""

_LIMITS = "Limits, whichever comes first"
_TRAINING = "Training"
_STRUCTURE = "What is trained"

TRIALS = 50
"""Trials, unless time or trials are limited otherwise."""


@command
def search(
    data: Data,
    model: Annotated[
        str | None,
        typer.Argument(
            help="A factory of networks: package.module:function or file.py:function.",
            show_default=False,
        ),
    ] = None,
    hidden: Annotated[
        str | None,
        typer.Option(
            help="Instead of a factory, dense layers of so many neurons: 256,256.",
            show_default=False,
            rich_help_panel=_STRUCTURE,
        ),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(
            help="Or a small convolutional network with so many feature maps a block: 16,32.",
            show_default=False,
            rich_help_panel=_STRUCTURE,
        ),
    ] = None,
    label: Label = None,
    size: Size = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Parts to train on, to choose on, and to judge on; default"
            " train=0.6,validation=0.2,test=0.2.",
            show_default=False,
            rich_help_panel=DATA_PANEL,
        ),
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(
            help="Of this call: 90s, 10min or 1.5h.", show_default=False, rich_help_panel=_LIMITS
        ),
    ] = None,
    max_trial: Annotated[
        int | None,
        typer.Option(
            help=f"Trials after the first run; {TRIALS} if no time is given either.",
            show_default=False,
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    max_gain: Annotated[
        float | None,
        typer.Option(
            help="Validation accuracy above that of the first run: 0.01 is one point.",
            show_default=False,
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(
            help="Validation accuracy that is enough.", show_default=False, rich_help_panel=_LIMITS
        ),
    ] = None,
    at_least: Annotated[
        float | None,
        typer.Option(
            help="Accuracy to be certified on the test part; the exit status tells.",
            show_default=False,
        ),
    ] = None,
    confidence: Annotated[float, typer.Option(help="Of each bound.")] = 0.95,
    strategy: Annotated[
        str,
        typer.Option(
            help="reseed, walk, anneal, initializers or halving.", rich_help_panel=HOW_PANEL
        ),
    ] = "reseed",
    option: Annotated[
        list[str] | None,
        typer.Option(
            help="A setting of the strategy, such as budget=50; repeat for several.",
            show_default=False,
            rich_help_panel=HOW_PANEL,
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, rich_help_panel=_TRAINING)] = 5,
    batch_size: Annotated[int, typer.Option(min=1, rich_help_panel=_TRAINING)] = 128,
    learning_rate: Annotated[float, typer.Option(rich_help_panel=_TRAINING)] = 0.1,
    optimizer: Annotated[str, typer.Option(help="sgd or adam.", rich_help_panel=_TRAINING)] = "sgd",
    momentum: Annotated[float, typer.Option(help="Of sgd.", rich_help_panel=_TRAINING)] = 0.0,
    weight_decay: Annotated[float, typer.Option(rich_help_panel=_TRAINING)] = 0.0,
    together: Annotated[
        int, typer.Option(min=1, help="Networks trained at once.", rich_help_panel=HOW_PANEL)
    ] = 20,
    storage: Annotated[
        str | None,
        typer.Option(
            help="File or database URL of the trials, which machines can share; by default"
            " trials.log in --out.",
            show_default=False,
            rich_help_panel=HOW_PANEL,
        ),
    ] = None,
    device: Device = "cpu",
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for weights, runs, evidence and pictures.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Search initial weights: choose the best run on validation rows, certify it on test rows."""
    import json

    from affidavit.cli.attain import files, tables
    from affidavit.cli.attain.setup import SPLIT, Structure, dataset_of, seconds_of, strategy_of
    from affidavit.cli.attain.watching import watched
    from affidavit.cli.console import show
    from affidavit.cli.folders import prepare
    from affidavit.cli.options import usable
    from affidavit.errors import DataError
    from affidavit.initialization.evidence.inputs import check_confidence
    from affidavit.initialization.judging import judge
    from affidavit.initialization.limits import check_share
    from affidavit.initialization.searching import search as run
    from affidavit.initialization.training import Trainer

    check_share("--at-least", at_least)
    check_confidence(confidence)
    plan, seconds = strategy_of(strategy, option or ()), seconds_of(max_time)
    trainer = Trainer(epochs, batch_size, learning_rate, optimizer, momentum, weight_decay)
    if max_trial is None and seconds is None:
        max_trial = TRIALS
    if out is not None:
        prepare(out)
        storage = str(out / files.TRIALS) if storage is None else storage
    progress = not quiet and sys.stderr.isatty()
    dataset = dataset_of(data, label, size, split, progress)
    if at_least is not None and "test" not in dataset.parts:
        raise DataError(
            "--at-least is certified on rows that chose nothing: expected a part 'test', such as"
            f" --split {SPLIT}"
        )
    place, make = usable(device), Structure(model, hidden, channels).maker(dataset)
    with watched(progress) as tell:
        result = run(
            lambda: make().to(place), dataset, max_time=seconds, max_trial=max_trial,
            max_gain=max_gain, strategy=plan, train=trainer, target=target, seed=seed,
            together=together, storage=storage, progress=tell,
        )  # fmt: skip
    judged = judge(result, confidence, at_least) if "test" in result.rows else None
    written = [] if out is None else files.write(result, judged, out)
    if as_json:
        show(json.dumps(tables.record(result, judged), indent=2))
    elif not quiet:
        show(tables.ending(result), "", tables.runs_table(result))
        show(*(("- " + text) for text in (() if judged is None else judged.sentences)))
        if judged is None:
            show("The data have no part 'test': nothing is said of rows that chose nothing.")
        if out is not None:
            show(f"Written to {out}: {', '.join(written)}")
    if result.stopped == "interrupted":
        return INCOMPLETE
    return 0 if judged is None or judged.decision is None else EXIT_STATUS[judged.decision.verdict]
