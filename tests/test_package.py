"""The package as a whole: what importing it loads, and the demo."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import affidavit
from affidavit.contract import Affidavit
from affidavit.evidence import Verdict

ROOT = Path(__file__).parents[1]


def test_parts_load_on_first_use() -> None:
    code = (
        "import sys, affidavit\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)\n"
        "for name in affidavit.__all__: getattr(affidavit, name)\n"
        "assert 'torch' in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="'affidavit' has no attribute 'nothing'"):
        affidavit.nothing  # noqa: B018
    with pytest.raises(AttributeError, match=r"'affidavit\.contract' has no attribute 'nothing'"):
        affidavit.contract.nothing  # noqa: B018


def test_types_are_declared() -> None:
    assert resources.files("affidavit").joinpath("py.typed").is_file()


def test_the_demo_shows_every_verdict(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("weights", "out")
    )
    result = subprocess.run(
        [sys.executable, tmp_path / "examples" / "demo.py", "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found = set()
    for name in ("digits", "breast_cancer"):
        folder = tmp_path / "out" / name
        assert f"Report: {folder / 'report.html'}" in result.stdout
        found |= {statement.verdict for statement in Affidavit.load(folder).statements}
    assert found == set(Verdict)
