"""The page on misclassification names what there is, in order."""

from __future__ import annotations

import re
from pathlib import Path

from affidavit.misclassification import METRICS, POLICIES

PAGE = Path(__file__).parents[2] / "docs" / "misclassification.md"


def test_metrics_and_policies_are_in_the_tables() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w[\w.]*)` \| .* \| (larger|smaller) \|$", text, re.MULTILINE)
    assert rows == [
        (name, "larger" if metric.larger_is_better else "smaller")
        for name, metric in METRICS.items()
    ]
    policies = re.findall(r"^\| `(\w+)` \| `(\w+)\(", text, re.MULTILINE)
    assert policies == [(name, kind.__name__) for name, kind in POLICIES.items()]
