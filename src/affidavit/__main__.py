"""`python -m affidavit` is the command line."""

from affidavit.cli import app

app()
