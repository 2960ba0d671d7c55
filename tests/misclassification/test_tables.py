"""Tables to read: every number in its place, and arrows only where a winner was named."""

from __future__ import annotations

import numpy as np
import pytest
from tests.misclassification.samples import binormal

from affidavit.errors import DomainError
from affidavit.misclassification import Metric, compare, markdown

SCORES, WRONG = binormal(400, 0.25, 1.5, seed=0)
METHODS = {"a|b": SCORES, "twin": SCORES * 2, "inverted": -SCORES}


def test_a_table_of_methods_and_metrics() -> None:
    metrics: list[str | Metric] = ["auroc", "aurc", Metric.coverage_at_risk(0.2)]
    found = compare(METHODS, WRONG, against="twin", metrics=metrics, samples=100)
    lines = markdown(found).splitlines()
    assert lines[0] == "| method | AUROC | AURC | coverage at 20 % risk |"
    assert lines[1] == "|---|---|---|---|"
    of = found.estimates["a|b"]["auroc"]
    assert lines[2].startswith(rf"| a\|b | {of.value:.3f} [{of.lower:.3f}, {of.upper:.3f}] |")
    assert not {"▲", "▼"} & set(lines[2] + lines[3])
    assert lines[4].count("▼") == 2
    assert lines[6] == (
        f"400 predictions, {WRONG.sum()} of them wrong; 95 % intervals from 100 bootstrap resamples"
        " of 400 predictions. ▲ better, ▼ worse than twin (paired interval excludes zero)."
    )
    assert "▲" in markdown(compare(METHODS, WRONG, against="inverted", samples=50), ["augrc"])


def test_what_was_drawn_is_told() -> None:
    one = {"a": SCORES}
    strata = compare(one, WRONG, samples=20, stratified=True, confidence=0.9)
    told = (
        "90 % intervals from 20 bootstrap resamples of 400 predictions, right and wrong ones apart."
    )
    assert markdown(strata).endswith(told)
    clusters = compare(one, WRONG, samples=20, clusters=np.arange(400) // 4)
    assert markdown(clusters, ["auroc"], digits=1).endswith("resamples of 100 clusters.")


def test_a_metric_that_was_not_compared() -> None:
    found = compare({"a": SCORES}, WRONG, metrics=["auroc"], samples=20)
    with pytest.raises(DomainError, match=r"no metric 'auroq' .*did you mean 'auroc'"):
        markdown(found, ["auroq"])
