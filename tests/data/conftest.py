"""A cache of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No folder of data sets and an empty cache, which is returned."""
    monkeypatch.delenv("AFFIDAVIT_DATA", raising=False)
    cache = tmp_path / "cache"
    monkeypatch.setenv("AFFIDAVIT_CACHE", str(cache))
    return cache
