"""`affidavit --help` against an interpreter that does nothing."""

from __future__ import annotations

import subprocess
import sys

from harness import compare, record


def main() -> None:
    def run(*arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    record(
        "help",
        {
            "affidavit --help against python -c pass": compare(
                lambda: run("-m", "affidavit", "--help"), lambda: run("-c", "pass")
            )
        },
    )


if __name__ == "__main__":
    main()
