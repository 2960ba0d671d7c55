"""Every public name of the regions can be had."""

from __future__ import annotations

import pytest

from affidavit import regions


@pytest.mark.parametrize("name", regions.__all__)
def test_names_come_from_their_modules(name: str) -> None:
    assert getattr(regions, name).__name__ == name


def test_other_names_do_not_exist() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = regions.nothing
