from __future__ import annotations

import subprocess
import sys

import pytest

from affidavit import report


def test_exports() -> None:
    assert all(hasattr(report, name) for name in report.__all__)
    assert sorted(report.__all__) == report.__all__


@pytest.mark.parametrize("late", ["torch", "matplotlib", "jinja2", "numpy"])
def test_heavy_packages_load_late(late: str) -> None:
    code = f"import affidavit.report, sys; sys.exit({late!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_drawing_needs_neither_torch_nor_pyplot() -> None:
    code = (
        "import affidavit.report.html, sys;"
        "sys.exit(bool({'torch', 'matplotlib.pyplot'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
