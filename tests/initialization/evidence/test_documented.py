"""The page on attainable accuracy names what there is."""

from __future__ import annotations

import re
from pathlib import Path

from affidavit.initialization import evidence

PAGE = Path(__file__).parents[3] / "docs" / "attainable.md"


def test_every_statement_in_the_table_can_be_made() -> None:
    text = PAGE.read_text(encoding="utf-8").split("## What may be said")[1]
    named = {
        name
        for row in re.findall(r"^\| .* \| (`.*`) \| .* \| .* \|$", text, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert len(named) > 8
    assert named <= set(evidence.__all__)
    # And all that makes a statement about runs is there, in the table or in words.
    makers = [name for name in evidence.__all__ if name[0].islower()]
    helpers = {
        "expected_best",
        "further_runs",
        "runs_for_bound",
        "runs_for_interval",
        "seed_spread",  # `spread`, or None where there is none
        "trimming",
    }
    assert all(f"`{name}`" in text for name in makers if name not in helpers)
