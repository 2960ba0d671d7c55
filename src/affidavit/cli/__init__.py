"""The command line. Thin: it parses, calls one public function, and prints."""

from affidavit.cli.main import app

__all__ = ["app"]
