"""What `affidavit detect` prints, and the same as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from affidavit import evidence
from affidavit.cli.detect.fitting import DETECTOR, Fitted
from affidavit.cli.detect.reporting import Findings
from affidavit.cli.detect.second import Second
from affidavit.cli.detect.setup import Chosen
from affidavit.misclassification import Comparison, Confusion, Estimate
from affidavit.report import wording

MOST_SHOWN = 20
"""Rows of which the terminal has a line each."""

SHARES = ("wrong_recall", "right_recall", "coverage", "risk", "accuracy")

LEVEL = 0.95
"""Of the exact intervals of the four counts."""


def counts_record(found: Confusion, threshold: float) -> dict[str, Any]:
    """The four counts of a threshold, and the shares made of them, as plain data."""
    shares = {
        name: {"value": getattr(found, name), "interval": list(found.interval(name, LEVEL))}
        for name in SHARES
    }
    counts = {
        name: getattr(found, name)
        for name in ("wrong_refused", "wrong_accepted", "right_refused", "right_accepted")
    }
    record: dict[str, Any] = evidence.to_json({"threshold": threshold, **counts, **shares})
    return record


def fit_record(facts: Mapping[str, Any], found: Fitted) -> dict[str, Any]:
    """All that `fit` tells, as plain data."""
    return {
        **facts,
        "notes": list(found.notes),
        "metrics_on_calibration_rows": found.comparison.rows(),
        "at_threshold_on_calibration_rows": {
            name: counts_record(of, _threshold(found, name))
            for name, of in found.confusions.items()
        },
    }


def fit_table(found: Fitted) -> Table:
    """The detector and its baselines on the rows of the thresholds."""
    rights, wrongs = found.counts["calibration"]
    table = _table(
        f"On the {rights + wrongs:,} calibration rows ({wrongs:,} wrong, {rights:,} right)",
        "The thresholds were chosen on these rows, so what they refuse here flatters them: measure"
        " on other rows with `affidavit detect report`.",
    )
    _columns(table, "AUROC", "wrong\nrefused", "right\naccepted", "threshold")
    for name, of in found.comparison.estimates.items():
        counts = found.confusions[name]
        table.add_row(
            name,
            _estimate(of["auroc"]),
            _percent(counts.wrong_recall),
            _percent(counts.right_recall),
            wording.number(_threshold(found, name)),
        )
    return table


def _threshold(found: Fitted, name: str) -> float:
    value = found.detectors[name].threshold_
    return float("nan") if value is None else value


def score_rows(
    chosen: Chosen, classes: Sequence[str], predicted: Any, scores: Any, refused: Any
) -> list[dict[str, Any]]:
    """A line for each row: what is predicted, how doubtful it is, and whether it is refused."""
    return [
        {
            "row": int(row),
            "prediction": classes[int(label)],
            "score": float(score),
            "refused": bool(no),
        }
        for row, label, score, no in zip(chosen.rows, predicted, scores, refused, strict=True)
    ]


def score_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The first lines of :func:`score_rows`."""
    shown = rows[:MOST_SHOWN]
    more = f"The first {len(shown)} of {len(rows):,} rows. " if len(shown) < len(rows) else ""
    table = _table("", f"{more}A larger score: more likely wrong.")
    table.add_column("row", justify="right")
    table.add_column("prediction", overflow="fold")
    table.add_column("score", justify="right")
    table.add_column("refused")
    for row in shown:
        table.add_row(
            str(row["row"]),
            escape(row["prediction"]),
            wording.number(row["score"]),
            "refused" if row["refused"] else "",
        )
    return table


def report_record(
    facts: Mapping[str, Any], found: Findings, second: Second | None, warnings: Sequence[str]
) -> dict[str, Any]:
    """All that `report` tells, as plain data."""
    compared = found.comparison
    record: dict[str, Any] = {
        **facts,
        "warnings": list(warnings),
        "overlap": found.overlap.as_json(),
        "predictions": compared.count,
        "wrong": compared.wrong,
        "confidence": compared.confidence,
        "samples": compared.samples,
        "metrics": compared.rows(),
        "verdicts": verdicts(compared),
        "at_threshold": {
            name: counts_record(of, found.thresholds[name]) for name, of in found.confusions.items()
        },
    }
    if second is not None:
        record["cascade"] = {
            "second": second.name,
            "second_cost": second.cost,
            "at_threshold": {
                name: evidence.to_json(
                    {key: getattr(of, key) for key in ("refused", "accuracy", "gain", "cost")}
                )
                for name, of in found.points.items()
            },
        }
    return record


def verdicts(compared: Comparison) -> list[str]:
    """Who wins in AUROC, a sentence for each baseline."""
    return [of["auroc"].verdict for of in compared.differences.values()]


def metrics_table(found: Findings, title: str) -> Table:
    """The detector and its baselines, and what each baseline is better or worse by."""
    compared = found.comparison
    table = _table(
        title,
        f"{100 * compared.confidence:g} % intervals of {compared.samples:,} bootstrap resamples,"
        " each by itself. Difference: AUROC of the baseline less that of the detector, on the same"
        " resamples. FPR: share of the right refused once 95 % of the wrong are.",
    )
    _columns(table, "AUROC", "difference", "FPR", "AURC")
    for name, of in compared.estimates.items():
        paired = "" if name == DETECTOR else _estimate(
            compared.differences[name]["auroc"].difference
        )  # fmt: skip
        others = (f"{of[metric].value:.3f}" for metric in ("fpr_at_95_tpr", "aurc"))
        table.add_row(name, _estimate(of["auroc"]), paired, *others)
    return table


def counts_table(found: Findings) -> Table:
    """What each threshold, chosen when it was fitted, does with right and wrong predictions."""
    table = _table(
        "At the thresholds chosen when they were fitted",
        f"In per cent, with {100 * LEVEL:g} % Clopper-Pearson intervals. Risk: share of the"
        " accepted that is wrong.",
    )
    _columns(table, "wrong refused", "right accepted", "accepted", "risk")
    for method, of in found.confusions.items():
        recalls = [_with_ends(of, share) for share in ("wrong_recall", "right_recall")]
        table.add_row(method, *recalls, f"{100 * of.coverage:.1f}", f"{100 * of.risk:.1f}")
    return table


def cascade_table(found: Findings, second: Second) -> Table:
    """The model together with what its refused inputs go on to."""
    accuracy = 1 - found.comparison.wrong / found.comparison.count
    table = _table(
        f"Refused inputs go on to {second.name}",
        f"Alone the model has an accuracy of {wording.number(accuracy)} at a cost of 1 an input.",
    )
    _columns(table, "refused", "accuracy of both", "gain", "cost")
    for method, of in found.points.items():
        ends = (f"{of.refused.value:.3f}", f"{of.cost.value:.3g}")
        table.add_row(method, ends[0], _estimate(of.accuracy), _estimate(of.gain), ends[1])
    return table


def _columns(table: Table, *names: str) -> None:
    table.add_column("method", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)


def _estimate(found: Estimate) -> str:
    return f"{found.value:.3f} [{found.lower:.3f}, {found.upper:.3f}]"


def _with_ends(found: Confusion, share: str) -> str:
    """A share in per cent, the ends of its interval rounded outwards."""
    lower, upper = found.interval(share, LEVEL)
    ends = f"[{math.floor(1000 * lower) / 10:.1f}, {math.ceil(1000 * upper) / 10:.1f}]"
    return f"{100 * getattr(found, share):.1f} {ends}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _table(title: str, note: str) -> Table:
    return Table(
        title=escape(title) or None,
        title_justify="left",
        caption=escape(note) or None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
