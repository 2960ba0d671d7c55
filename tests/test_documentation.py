"""The documentation says what is so: examples run, tables are current, keys are all there."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from affidavit.contract import KINDS
from affidavit.contract.certifying import CertifiedClaim
from affidavit.contract.detectors import DetectorClaim
from affidavit.contract.explainers import ExplainerClaim
from affidavit.contract.exploring import RegionClaim
from affidavit.contract.specification import Data, Model, Run
from affidavit.contract.trained import TrainedClaim

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_python_examples_run(page: Path, tmp_path: Path) -> None:
    for code in blocks(page, "python"):
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_contracts_in_the_documentation_are_valid(page: Path) -> None:
    import tomllib

    from affidavit.contract.reading import contract_from

    for text in blocks(page, "toml"):
        contract_from(tomllib.loads(text))


def test_tables_are_current() -> None:
    spec = importlib.util.spec_from_file_location("make_tables", ROOT / "docs" / "make_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    filled: Callable[[str], str] = module.filled
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert filled(text) == text, f"{page.name}: run python docs/make_tables.py"


def test_every_key_of_a_contract_is_documented() -> None:
    text = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    for kind, claim in KINDS.items():
        section = text.split(f"### `{kind}`")[1].split("\n##")[0]
        if issubclass(claim, RegionClaim):
            section += text.split("### Claims about regions")[1].split("\n##")[0]
        if issubclass(claim, CertifiedClaim):
            section += text.split("### Claims about robustness")[1].split("\n##")[0]
        if issubclass(claim, ExplainerClaim):
            section += text.split("### Claims about explainers")[1].split("\n##")[0]
        if issubclass(claim, DetectorClaim):
            section += text.split("### Claims about detectors")[1].split("\n##")[0]
        if issubclass(claim, TrainedClaim):
            section += text.split("### Claims about training")[1].split("\n##")[0]
        for key in claim.model_fields:
            assert key == "id" or f"| `{key}` |" in section, f"{kind}.{key}"
    for name, model in (("model", Model), ("data", Data), ("run", Run)):
        section = text.split(f"## `[{name}]`")[1].split("\n## ")[0]
        for key in model.model_fields:
            assert f"| `{key}` |" in section, f"{name}.{key}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target
