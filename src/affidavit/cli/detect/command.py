"""`affidavit detect`: which predictions are probably wrong, and should be refused."""

from __future__ import annotations

import typer

from affidavit.cli.detect import fit as detect_fit
from affidavit.cli.detect import report as detect_report
from affidavit.cli.detect import score as detect_score

app = typer.Typer(
    name="detect",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Find the predictions of a classifier that are probably wrong: `fit` a detector on data"
    " that the model was not trained on, `score` new data with it, `report` what it is worth on"
    " data that neither has seen.",
)

app.command("fit", epilog=detect_fit.EXAMPLES)(detect_fit.fit)
app.command("score", epilog=detect_score.EXAMPLES)(detect_score.score)
app.command("report", epilog=detect_report.EXAMPLES)(detect_report.report)
