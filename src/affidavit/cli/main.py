"""The commands. Heavy imports wait until a command runs, so that `--help` is quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from affidavit import __version__
from affidavit.cli.attain import command as attain_commands
from affidavit.cli.certify import command as certify_command
from affidavit.cli.detect import command as detect_commands
from affidavit.cli.exits import EXIT_STATUS, Commands, command
from affidavit.cli.explain import command as explain_command
from affidavit.cli.regions import command as regions_command

app = typer.Typer(
    name="affidavit",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Makes a trained neural network answerable: a contract goes in, evidence comes out.",
    epilog="Exit status of audit: 0 every claim holds, 1 some claim is violated, 2 none is"
    " violated but some are undecided, 3 the audit could not run.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"affidavit {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    from affidavit.cli.console import prepare

    prepare()


@app.command(
    epilog="Example: affidavit audit examples/digits/contract.toml --out out/digits",
)
@command
def audit(
    contract: Annotated[Path, typer.Argument(help="Contract file (TOML).", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write the affidavit to.", show_default=False)
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            help="joblib backend that carries the claims out, such as loky.", show_default=False
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> int:
    """Check every claim of a contract, and write the affidavit.

    Prints the statements; with --out also writes report.html (one self-contained page),
    affidavit.json, junit.xml and the evidence files.
    """
    from affidavit import report
    from affidavit.cli.console import show

    if out is not None:
        report.check_writable(out)  # before the work, not after it
    from affidavit import contract as contracts

    result = contracts.audit(contract, backend=backend, progress=not quiet and sys.stderr.isatty())
    folder = None if out is None else result.save(out)
    if not quiet:
        show(report.summary(result.header, result.statements))
        if folder is not None:
            show(f"Report: {folder / 'report.html'}")
    return EXIT_STATUS[result.verdict]


@app.command("show", epilog="Example: affidavit show out/digits")
@command
def show_saved(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a saved affidavit.", show_default=False)
    ],
    render: Annotated[
        bool, typer.Option("--render", help="Also draw report.html and junit.xml anew.")
    ] = False,
) -> None:
    """Show a saved affidavit. Needs neither the model nor the data."""
    from affidavit import report
    from affidavit.cli.console import show

    header, statements, attachments = report.load(folder)
    if render:
        report.save(header, statements, attachments, folder)
    show(report.summary(header, statements))


@app.command(epilog="Example: affidavit diff out/last-release out/this-release")
@command
def diff(
    old: Annotated[
        Path, typer.Argument(help="Folder of the earlier affidavit.", show_default=False)
    ],
    new: Annotated[Path, typer.Argument(help="Folder of the later affidavit.", show_default=False)],
) -> int:
    """Compare two saved affidavits, claim by claim.

    Exit status: 0 no verdict got worse, 1 some did or a claim is gone, 3 one cannot be read.
    """
    from affidavit import report
    from affidavit.cli.console import show

    comparison = report.compare(report.load(old)[1], report.load(new)[1])
    show(report.changes(comparison))
    return 1 if comparison.worse else 0


app.command("certify", epilog=certify_command.EXAMPLES)(certify_command.certify)
app.add_typer(detect_commands.app)
app.add_typer(attain_commands.app)
app.command("explain", epilog=explain_command.EXAMPLES)(explain_command.explain)
app.command("regions", epilog=regions_command.EXAMPLES)(regions_command.regions)


@app.command()
@command
def ops() -> None:
    """List the supported ops, their names in PyTorch and ONNX, and what each method can do."""
    from affidavit.cli.console import show
    from affidavit.cli.tables import ops_table

    show(ops_table())


@app.command(epilog="Example: affidavit claims accuracy")
@command
def claims(
    kind: Annotated[
        str | None, typer.Argument(help="One claim kind; all by default.", show_default=False)
    ] = None,
) -> None:
    """List the claim kinds and the keys of each."""
    from affidavit.cli.console import show
    from affidavit.cli.tables import claim_tables

    show(*claim_tables(kind))


@app.command()
@command
def data() -> None:
    """List the named data sets, and where each is looked for."""
    from affidavit.cli.console import show
    from affidavit.cli.tables import data_table

    show(data_table())
