"""`affidavit detect score`: a saved detector on new rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from affidavit.cli.exits import command
from affidavit.cli.parameters import (
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

affidavit detect score out/detector network.py:net --weights net.safetensors --data sklearn:digits
--split train=0.4,validation=0.3,test=0.3

affidavit detect score out/detector network.py:net --weights net.safetensors --data sklearn:digits
--rows 0..9 --csv

Exit status: 0 all rows were scored, 3 it could not be done.
"""


@command
def score(
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
    device: Device = "cpu",
    seed: Seed = 0,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all rows as CSV.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say of each row what the model predicts, how doubtful that is, and whether to refuse it."""
    import json

    from affidavit.cli.console import show
    from affidavit.cli.detect.asked import classes_of
    from affidavit.cli.detect.fitting import threshold_of
    from affidavit.cli.detect.folder import Fitting
    from affidavit.cli.detect.setup import Subject, check_takes, chosen_rows, model_of
    from affidavit.cli.detect.tables import score_rows, score_table
    from affidavit.cli.files import csv_text
    from affidavit.errors import DomainError
    from affidavit.misclassification.detector import Detector
    from affidavit.report import wording

    if as_csv and as_json:
        raise DomainError("--csv and --json: expected one of them")
    progress = not quiet and sys.stderr.isatty()
    fitting = Fitting.load(folder)
    subject = Subject(model, weights, data, label, split, size, seed, device)
    dataset = subject.dataset(progress)
    source = model_of(subject, fitting.preparation, dataset)
    chosen = chosen_rows(subject, dataset, part, rows, source)
    check_takes(source, chosen)
    detector = Detector.load(folder, source)
    detector.progress = progress
    signals = detector.extract(chosen.inputs)
    scores, refused = detector.score_signals(signals), detector.predict_signals(signals)
    classes = classes_of(dataset, signals.logits.shape[1])
    lines = score_rows(chosen, classes, signals.predicted, scores, refused)
    threshold = threshold_of(detector)
    if as_csv:
        show(csv_text(lines).rstrip("\n"))
    elif as_json:
        from affidavit import evidence

        record = {"part": part, "threshold": threshold, "rows": lines}
        show(json.dumps(evidence.to_json(record), indent=2))
    elif not quiet:
        title = (
            f"{int(refused.sum()):,} of {len(chosen):,} rows of {part} are refused: their scores"
            f" are {wording.number(threshold)} or more"
        )
        show(title, "", score_table(lines))
