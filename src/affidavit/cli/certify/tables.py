"""What `affidavit certify` prints, and the same as plain data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from affidavit import statistics
from affidavit.certify.reach import Reach
from affidavit.certify.surveying import Survey
from affidavit.report import wording

CONFIDENCE = 0.95
"""Of the bounds that the table gives for a share among all inputs like these, one-sided each."""


SIGNS = {"epsilon": "ε", "gamma": "γ"}


@dataclass(frozen=True, eq=False)
class Line:
    """What was found for one size of the boxes.

    Attributes:
        epsilon, gamma: the size.
        found: the survey.
    """

    epsilon: float
    gamma: float
    found: Survey

    def as_json(self) -> dict[str, Any]:
        """The line as plain data; what has no value is None."""
        found = self.found
        count, certified, refuted = len(found), int(found.certified.sum()), int(found.refuted.sum())
        width = found.width[~np.isnan(found.width)]
        return {
            "epsilon": self.epsilon,
            "gamma": self.gamma,
            "inputs": count,
            "certified": certified,
            "refuted": refuted,
            "open": count - certified - refuted,
            "certified_share": certified / count,
            "refuted_share": refuted / count,
            "lower": statistics.binomial_lower(certified, count, CONFIDENCE),
            "upper": statistics.binomial_upper(count - refuted, count, CONFIDENCE),
            "mean_delta": float(width.mean()) if len(width) else None,
            "methods": {name: found.method.count(name) for name in sorted({*found.method} - {""})},
            "seconds": found.seconds,
            "seconds_an_input": found.seconds / count,
            "finished": found.finished,
            "reason": found.reason,
        }


def shares_table(title: str, lines: Sequence[Line]) -> Table:
    """A line for each size: certified, attacked, the gap, the width of bounds, the time."""
    widths = any(line.found.lower is not None for line in lines)
    table = Table(title=escape(title), title_justify="left", caption=_NOTE, caption_justify="left")
    kinds = [kind for kind in ("epsilon", "gamma") if any(getattr(line, kind) for line in lines)]
    for kind in kinds:
        table.add_column(SIGNS[kind], justify="right")
    for name in ("certified", "attacked", "neither", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    if widths:
        table.add_column("mean δ", justify="right")
    table.add_column("s an input", justify="right")
    for line in lines:
        row = line.as_json()
        cells = [wording.number(getattr(line, kind)) for kind in kinds]
        cells += [_share(row[key], row["inputs"]) for key in ("certified", "refuted", "open")]
        cells.append(wording.interval((row["lower"], row["upper"])))
        if widths:
            delta = row["mean_delta"]
            cells.append("" if delta is None else wording.number(delta))
        mark = "" if line.found.finished else " (not all)"
        table.add_row(*cells, f"{row['seconds_an_input']:.2g}{mark}")
    return table


_NOTE = (
    "certified: for certain; attacked: a counterexample was found; the interval is of the share"
    " among all inputs like these."
)


def largest_table(reach: Reach) -> Table:
    """How far the largest certified sizes of all inputs reach."""
    sign = SIGNS[reach.which]
    title = f"Largest certified {sign}, up to {reach.most:g}"
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("value", justify="right")
    facts = largest_facts(reach)
    count = int(facts["inputs"] or 0)
    table.add_row("inputs", wording.number(count))
    table.add_row(f"certified at {sign} = 0", _share(facts["at_zero"] or 0, count))
    table.add_row(f"certified at {sign} = {reach.most:g}", _share(facts["at_most"] or 0, count))
    for name in QUANTILES:
        value = facts[name]
        table.add_row(name.replace("_", " "), "none" if value is None else wording.number(value))
    return table


QUANTILES = {
    "least": 0.0,
    "lower_quartile": 0.25,
    "median": 0.5,
    "upper_quartile": 0.75,
    "greatest": 1.0,
}
"""Shares of inputs whose largest size is at or below what is told."""


def largest_facts(reach: Reach) -> dict[str, float | None]:
    """Counts of inputs, and sizes by :data:`QUANTILES`, None where not even 0 was certified."""
    reached = np.sort(reach.sizes[~np.isnan(reach.sizes)])
    facts: dict[str, float | None] = {
        "inputs": len(reached),
        "at_zero": int((reached >= 0).sum()),
        "at_most": int((reached >= reach.most).sum()),
    }
    for name, share in QUANTILES.items():
        # One that was certified for some input, not a mean of two.
        size = float(reached[math.floor(share * (len(reached) - 1))]) if len(reached) else -1.0
        facts[name] = size if size >= 0 else None
    return facts


def _share(count: float, total: float) -> str:
    return f"{100 * count / total:.4g} %" if total else "none"
