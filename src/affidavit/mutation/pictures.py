"""Figures of label change rates: operators side by side, and how many mutants it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from affidavit.errors import DomainError
from affidavit.mutation.comparison import ByCount, OperatorComparison
from affidavit.mutation.sequential import SequentialTest, operating_characteristics
from affidavit.plotting import charts, colours


def operators(found: OperatorComparison, *, title: str = "") -> Figure:
    """Label change rates of right and of wrong predictions for each set of mutants (Table 3).

    Points are means, bars a standard deviation to either side, cut at 0 and 1; the AUROC stands
    beside.
    """
    names = list(found.separations)
    figure, axes = charts.subplots(7.2, 1.4 + 0.5 * len(names))
    for shade, kind, shift in zip(
        colours.of_lines(2), ("right", "wrong"), (-0.13, 0.13), strict=True
    ):
        mean = np.array([getattr(found.separations[n], f"{kind}_mean") for n in names])
        std = np.array([getattr(found.separations[n], f"{kind}_std") for n in names])
        spread = np.stack([mean - np.maximum(mean - std, 0), np.minimum(mean + std, 1) - mean])
        axes.errorbar(
            mean, np.arange(len(names)) + shift, xerr=spread, fmt="os"[kind == "wrong"],
            color=shade, capsize=3, label=f"{kind} predictions",
        )  # fmt: skip
    for row, name in enumerate(names):
        text = f"AUROC {found.separations[name].auroc:.3f}"
        axes.annotate(text, (1.02, row), xycoords=("axes fraction", "data"), va="center")
    charts.name_rows(axes, names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("label change rate")
    _finish(axes, title)
    return figure


def by_count(found: Mapping[str, ByCount], *, title: str = "") -> Figure:
    """AUROC against the number of mutants, for each set of mutants (Figure 4).

    Lines are means over random choices of the mutants, bands their range.

    Raises:
        DomainError: nothing to draw.
    """
    if not found:
        raise DomainError("no sets of mutants to draw")
    figure, axes = charts.subplots(5.6, 3.8)
    for look, (name, curve) in zip(charts.looks(len(found), 2), found.items(), strict=True):
        axes.plot(curve.counts, curve.auroc.mean(1), label=name, **look)
        axes.fill_between(
            curve.counts, curve.auroc.min(1), curve.auroc.max(1), color=look["color"], alpha=0.15
        )
    axes.set_xlabel("mutants")
    axes.set_ylabel("AUROC")
    _finish(axes, title)
    return figure


def sequential(test: SequentialTest, *, title: str = "") -> Figure:
    """What a sequential test decides (left) and costs (right) at every rate, exactly."""
    found = operating_characteristics(test, np.linspace(0, 1, 201))
    figure, axes = charts.subplots(8.0, 3.4, title, columns=2)
    shades = colours.of_lines(2)
    axes[0].plot(found.rates, found.unstable, color=shades[0], label="called unstable")
    axes[0].plot(found.rates, found.truncated, "--", color=shades[1], label="truncated")
    axes[1].plot(found.rates, found.mutants, color=shades[0], label="expected mutants")
    for one, label in zip(axes, ("probability", "mutants"), strict=True):
        for rate in (test.p0, test.p1):
            one.axvline(rate, color=colours.RULE, linewidth=0.6)
        one.set_xlabel("true label change rate")
        one.set_ylabel(label)
        _finish(one, "")
    return figure


def _finish(axes: Any, title: str) -> None:
    charts.plain(axes)
    charts.legend(axes)
    charts.panel_title(axes, title)
