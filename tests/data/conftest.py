"""Where the data sets are, and a cache of the test's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def data_folder() -> Path:
    """The folder of data sets; the test is skipped where there is none."""
    folder = os.environ.get("AFFIDAVIT_DATA")
    if not folder:
        pytest.skip("AFFIDAVIT_DATA is not set: no folder of data sets")
    return Path(folder)


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No folder of data sets and an empty cache, which is returned."""
    monkeypatch.delenv("AFFIDAVIT_DATA", raising=False)
    cache = tmp_path / "cache"
    monkeypatch.setenv("AFFIDAVIT_CACHE", str(cache))
    return cache
