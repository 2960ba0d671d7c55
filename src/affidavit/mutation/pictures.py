"""Figures of label change rates: operators side by side, and how many mutants it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from affidavit.errors import DomainError
from affidavit.mutation.comparison import ByCount, OperatorComparison
from affidavit.mutation.sequential import SequentialTest, operating_characteristics
from affidavit.regions.pictures import colours


def operators(found: OperatorComparison, *, title: str = "") -> Figure:
    """Label change rates of right and of wrong predictions for each set of mutants (Table 3).

    Points are means, bars a standard deviation to either side, cut at 0 and 1; the AUROC stands
    beside.
    """
    names = list(found.separations)
    figure = Figure(figsize=(7.2, 1.4 + 0.5 * len(names)), dpi=200, layout="constrained")
    axes: Any = figure.subplots()
    for shade, kind, shift in zip(
        colours.of_classes(3), ("right", "wrong"), (-0.13, 0.13), strict=False
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
    axes.set_yticks(range(len(names)), names)
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
    figure = Figure(figsize=(5.6, 3.8), dpi=200, layout="constrained")
    axes: Any = figure.subplots()
    for shade, dash, (name, curve) in zip(
        colours.of_classes(len(found) + 1), ("-", "--", ":", "-.") * len(found), found.items(),
        strict=False,
    ):  # fmt: skip
        axes.plot(curve.counts, curve.auroc.mean(1), dash, color=shade, linewidth=2, label=name)
        axes.fill_between(
            curve.counts, curve.auroc.min(1), curve.auroc.max(1), color=shade, alpha=0.15
        )
    axes.set_xlabel("mutants")
    axes.set_ylabel("AUROC")
    _finish(axes, title)
    return figure


def sequential(test: SequentialTest, *, title: str = "") -> Figure:
    """What a sequential test decides (left) and costs (right) at every rate, exactly."""
    found = operating_characteristics(test, np.linspace(0, 1, 201))
    figure = Figure(figsize=(8.0, 3.4), dpi=200, layout="constrained")
    axes: Any = figure.subplots(1, 2)
    shades = colours.of_classes(3)
    axes[0].plot(found.rates, found.unstable, color=shades[0], label="called unstable")
    axes[0].plot(found.rates, found.truncated, "--", color=shades[1], label="truncated")
    axes[1].plot(found.rates, found.mutants, color=shades[0], label="expected mutants")
    for one, label in zip(axes, ("probability", "mutants"), strict=True):
        for rate in (test.p0, test.p1):
            one.axvline(rate, color=colours.RULE, linewidth=0.6)
        one.set_xlabel("true label change rate")
        one.set_ylabel(label)
        _finish(one, "")
    if title:
        figure.suptitle(title, fontsize="medium").set_parse_math(False)
    return figure


def _finish(axes: Any, title: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both", color="#dde1e4", linewidth=0.6)
    axes.set_axisbelow(True)
    legend = axes.legend(frameon=False, fontsize="small")
    for text in (*legend.get_texts(), *axes.get_yticklabels()):
        text.set_parse_math(False)
    if title:
        axes.set_title(title, fontsize="medium").set_parse_math(False)
