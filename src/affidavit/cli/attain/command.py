"""`affidavit attain`: what accuracy a structure can reach, and how much of it is luck."""

from __future__ import annotations

import typer

from affidavit.cli.attain import parameters as attain_parameters
from affidavit.cli.attain import search as attain_search

app = typer.Typer(
    name="attain",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="What accuracy a structure reaches when it is trained again and again: `search` its"
    " initial weights within limits of time, trials and gain, and certify what was found;"
    " `parameters` lists what is random in a model, and how it is drawn.",
)

app.command("search", epilog=attain_search.EXAMPLES)(attain_search.search)
app.command("parameters", epilog=attain_parameters.EXAMPLES)(attain_parameters.parameters)
