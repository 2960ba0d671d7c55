"""A comparison as a table to read."""

from __future__ import annotations

from collections.abc import Sequence

from affidavit.errors import DomainError, nearest
from affidavit.misclassification.comparison import Comparison, Estimate


def markdown(found: Comparison, metrics: Sequence[str] | None = None, digits: int = 3) -> str:
    """One row a method, one column a metric: the number and its interval.

    An arrow says that a method is better (▲) or worse (▼) than the one that all are compared with:
    that the interval of the paired difference excludes zero. The last line says what was drawn.

    Args:
        found: the comparison.
        metrics: names of some of its metrics, in order; all, if left out.
        digits: after the point.

    Raises DomainError for a metric that was not compared.
    """
    known = {metric.name: metric for metric in found.metrics}
    chosen = list(known) if metrics is None else list(metrics)
    for name in chosen:
        if name not in known:
            raise DomainError(
                f"there is no metric {name!r} in the comparison{nearest(name, known)}; there are"
                f" {', '.join(known)}"
            )
    titles = [known[name].title for name in chosen]
    lines = [f"| method | {' | '.join(titles)} |", "|---" * (len(chosen) + 1) + "|"]
    for method, of in found.estimates.items():
        cells = [_cell(of[name], digits) + _arrow(found, method, name) for name in chosen]
        lines.append(f"| {method.replace('|', chr(92) + '|')} | {' | '.join(cells)} |")
    lines += ["", _note(found)]
    return "\n".join(lines)


def _cell(estimate: Estimate, digits: int) -> str:
    value, lower, upper = (
        f"{number:.{digits}f}" for number in (estimate.value, estimate.lower, estimate.upper)
    )
    return f"{value} [{lower}, {upper}]"


def _arrow(found: Comparison, method: str, metric: str) -> str:
    winner = found.differences[method][metric].winner if method in found.differences else None
    if winner is None:
        return ""
    return " ▲" if winner == method else " ▼"


def _note(found: Comparison) -> str:
    units = "predictions" if found.independent == found.count else "clusters"
    drawn = f"{found.samples} bootstrap resamples of {found.independent} {units}"
    if found.stratified:
        drawn += ", right and wrong ones apart"
    text = (
        f"{found.count} predictions, {found.wrong} of them wrong;"
        f" {100 * found.confidence:g} % intervals from {drawn}."
    )
    if found.against is not None:
        text += f" ▲ better, ▼ worse than {found.against} (paired interval excludes zero)."
    return text
