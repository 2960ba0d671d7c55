"""Pictures of searches: what is drawn is what was given."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from affidavit.errors import DataError, DomainError
from affidavit.initialization.pictures import (
    accuracy_distribution,
    gain_by_delta,
    gain_by_time,
    gain_by_trial,
    strategies_compared,
    training_curves,
)

NAN = math.nan
GAINS = {"walk of $_1$": [-0.004, 0.002, NAN, 0.003, 0.001], "other": [NAN, -0.02, -0.01, -0.03]}


def saved(figure: Figure, tmp_path: Path) -> None:
    """It can be drawn, and its title, axes and legends do not lie on each other."""
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
    boxes = [axes.get_tightbbox() for axes in panels(figure)]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    if figure._suptitle is not None:  # type: ignore[attr-defined]
        boxes.append(figure._suptitle.get_window_extent())  # type: ignore[attr-defined]
    whole = figure.bbox
    for number, box in enumerate(boxes):
        assert box.x0 >= whole.x0 - 1
        assert box.x1 <= whole.x1 + 1
        assert box.y0 >= whole.y0 - 1
        assert box.y1 <= whole.y1 + 1
        for other in boxes[:number]:
            over = [
                min(box.x1, other.x1) - max(box.x0, other.x0),
                min(box.y1, other.y1) - max(box.y0, other.y0),
            ]
            assert min(over) < 2


def panels(figure: Figure) -> list[Any]:
    return list(figure.axes)


def curves(axes: Any) -> dict[str, tuple[Any, Any]]:
    lines = [line for line in axes.lines if not line.get_label().startswith("_")]
    return {line.get_label(): line.get_data() for line in lines}


def marked(axes: Any, marker: str) -> list[tuple[float, float]]:
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axes.lines
        if line.get_marker() == marker
    ]


def entries(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def best_so_far(gains: list[float]) -> list[float]:
    found, best = [], NAN
    for gain in gains:
        if not math.isnan(gain) and not best >= gain:
            best = gain
        found.append(100 * best)
    return found


def test_gain_by_delta(tmp_path: Path) -> None:
    found: dict[str, dict[Any, float]] = {
        "walk of $_1$": {0.003: 0.01, 0.002: -0.004, 0.0025: 0.01},
        "other": {"0.004": NAN, "0.002": -0.02},
    }
    figure = gain_by_delta(found, title="100 %, $5")
    (axes,) = panels(figure)
    drawn = curves(axes)
    assert list(drawn) == list(found)
    np.testing.assert_array_equal(drawn["walk of $_1$"], [[0.002, 0.0025, 0.003], [-0.4, 1, 1]])
    np.testing.assert_array_equal(drawn["other"], [[0.002, 0.004], [-2, NAN]])
    # Of equal ones the smallest step.
    assert marked(axes, "^") == [(0.0025, 1), (0.002, -2)]
    assert entries(figure) == [*found, "best"]
    assert "percentage points" in axes.get_ylabel()
    saved(figure, tmp_path)


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_gain_by_trial(count: int, tmp_path: Path) -> None:
    found = {f"{name}{n}": of for n in range(3) for name, of in GAINS.items()}
    found = dict(list(found.items())[:count])
    figure = gain_by_trial(found, title="δ = 0.0025")
    assert len(panels(figure)) == count
    for axes, (name, of) in zip(panels(figure), found.items(), strict=True):
        assert axes.get_title() == (name if count > 1 else "")
        _, line, dots, best = axes.lines
        assert line.get_drawstyle() == "steps-post"
        np.testing.assert_allclose(line.get_ydata(), best_so_far(of))
        np.testing.assert_array_equal(dots.get_xdata(), range(1, len(of) + 1))
        np.testing.assert_allclose(dots.get_ydata(), 100 * np.array(of))
        top = 3 if len(of) == 5 else 2
        assert [best.get_xdata()[0], best.get_ydata()[0]] == [top + 1, 100 * of[top]]
        words = [text.get_text() for text in axes.texts]
        assert words == ["+0.30" if top == 3 else "−1.00"]
    # Of each column the lowest has its numbers, also where there is room for another below.
    for axes in panels(figure)[-min(count, 3) :]:
        assert any(label.get_visible() for label in axes.get_xticklabels())
    assert entries(figure) == ["a trial", "best so far", "best"]
    saved(figure, tmp_path)


@pytest.mark.parametrize(
    ("last", "unit", "length"),
    [(179.0, "seconds", 1), (180.0, "minutes", 60), (10800.0, "hours", 3600)],
)
def test_gain_by_time(last: float, unit: str, length: float, tmp_path: Path) -> None:
    seconds = np.array([10.0, 20.0, 20.0, 60.0, last])
    figure = gain_by_time({"a": (seconds, GAINS["walk of $_1$"]), "b": ([5.0], [0.0])})
    (axes,) = panels(figure)
    x, y = curves(axes)["a"]
    np.testing.assert_allclose(x, seconds / length)
    np.testing.assert_allclose(y, best_so_far(GAINS["walk of $_1$"]))
    assert marked(axes, "^") == [(60 / length, 0.3), (5 / length, 0)]
    assert unit in axes.get_xlabel()
    assert axes.get_xlim()[0] == 0
    saved(figure, tmp_path)


def drawn_runs(axes: Any) -> int:
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert bool(dots) != bool(axes.patches)
    if dots:
        return len(dots[0].get_xdata())
    return int(sum(patch.get_height() for patch in axes.patches))


@pytest.mark.parametrize(("runs", "rows"), [(1, 40), (5, 10_000), (60, 10_000), (500, 40)])
def test_accuracy_distribution(runs: int, rows: int, tmp_path: Path) -> None:
    generator = np.random.default_rng(runs)
    accuracies = generator.binomial(rows, 0.97, runs) / rows
    figure = accuracy_distribution(
        np.append(accuracies, NAN),
        chosen=0.98,
        certified=0.9725,
        interval=(0.97, 0.9751),
        confidence=0.9,
        mean_certified=0.96,
        title=f"{runs} seeds",
    )
    top, axes = panels(figure)
    assert drawn_runs(axes) == runs
    assert axes.get_ylabel() == f"runs, validation\n({runs}, 1 failed)"
    mean = 100 * accuracies.mean()
    assert [label.get_text() for label in top.get_yticklabels()] == [
        "chosen run, validation\n98.00",
        "chosen run, untouched rows, 90 % bounds\n97.25 [97.00, 97.51]",
        f"mean run, validation\n{mean:.2f}",
        "mean run, untouched rows\n96.00",
    ]
    assert marked(top, "^") == [(98.0, 0)]
    assert marked(top, "o") == [(97.25, 1)]
    ends = [line.get_xdata() for line in top.lines if len(line.get_xdata()) == 2]
    np.testing.assert_allclose(ends[0], [97, 97.51])
    assert pytest.approx(mean) in [float(line.get_xdata()[0]) for line in axes.lines]
    saved(figure, tmp_path)


def test_dots_are_at_their_accuracies() -> None:
    figure = accuracy_distribution([0.5, 0.7, 0.5, 0.9, 0.5])
    axes = panels(figure)[1]
    (dots,) = [line for line in axes.lines if line.get_marker() == "o"]
    assert sorted(zip(*dots.get_data(), strict=True)) == [
        (50, 1),
        (50, 2),
        (50, 3),
        (70, 1),
        (90, 1),
    ]
    # Where some are too near to each other to be told apart, within half a dot.
    near = np.random.default_rng(0).binomial(10_000, 0.97, 50) / 10_000
    axes = panels(accuracy_distribution(near))[1]
    (dots,) = [line for line in axes.lines if line.get_marker() == "o"]
    width = 100 * np.ptp(near) / 45 + 0.01
    off = np.sort(dots.get_xdata()) - 100 * np.sort(near)
    assert abs(off).max() <= width / 2
    assert len(set(zip(*dots.get_data(), strict=True))) == 50


def test_bars_hold_whole_numbers_of_rows() -> None:
    """Else some bars would have more of the possible accuracies than others."""
    accuracies = np.random.default_rng(1).integers(900, 950, 3000) / 1000
    bars = panels(accuracy_distribution(accuracies))[1].patches
    edges = np.array([bar.get_x() for bar in bars] + [bars[-1].get_x() + bars[-1].get_width()])
    steps = np.diff(edges) / 0.1
    np.testing.assert_allclose(steps, round(steps[0]))
    np.testing.assert_allclose(edges / 0.1 % 1, 0.5)
    counts = np.histogram(100 * accuracies, edges)[0]
    assert [bar.get_height() for bar in bars] == counts.tolist()


def test_all_runs_alike() -> None:
    for runs in (3, 40):
        top, axes = panels(accuracy_distribution([0.9] * runs))
        assert drawn_runs(axes) == runs
        assert marked(top, "|") == [(90, 0)]


def test_training_curves(tmp_path: Path) -> None:
    found = {
        "× 0.01": (range(4), [0.1, 0.1, 0.2, 0.3]),
        "× 1": (range(4), [0.1, 0.8, 0.9, 0.95]),
        "× 10": (range(3), [0.1, 0.2, NAN]),
        "× 100": (range(1), [NAN]),
    }
    figure = training_curves(found, title="too small, right, too large")
    (axes,) = panels(figure)
    labels = ["× 0.01", "× 1", "× 10 (diverged)", "× 100 (diverged)"]
    assert entries(figure) == labels
    for label, (epochs, values) in zip(labels, found.values(), strict=True):
        x, y = curves(axes)[label]
        np.testing.assert_array_equal(x, list(epochs))
        np.testing.assert_array_equal(y, 100 * np.array(values))
    assert marked(axes, "x") == [(1, 20)]
    assert axes.get_yscale() == "linear"
    saved(figure, tmp_path)


def test_losses_have_a_logarithmic_axis(tmp_path: Path) -> None:
    found = {
        "a": ([0, 1, 2], [NAN, 2.0, 0.5]),
        "b": ([0, 1, 2], [NAN, 1e30, 2.3]),
        "c": ([0, 1], [NAN, NAN]),
    }
    figure = training_curves(found, shown="loss")
    (axes,) = panels(figure)
    assert axes.get_yscale() == "log"
    assert axes.get_ylim() == (0.35, 20)
    saved(figure, tmp_path)
    (axes,) = panels(training_curves({"a": ([1, 2], [0.0, 0.0])}, shown="loss"))
    assert axes.get_yscale() == "linear"
    (axes,) = panels(training_curves({"a": ([1, 2], [2.0, 15.0])}, shown="loss"))
    assert axes.get_ylim()[1] > 15


def test_strategies_compared(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    shared = generator.normal(0.97, 0.01, 8).clip(max=0.99)
    found = {"reseed": shared, "walk of $_1$": shared + generator.normal(0.002, 0.001, 8)}
    figure = strategies_compared(
        found, baseline="reseed", confidence=0.9, title="100 trainings each"
    )
    left, right = panels(figure)
    assert [label.get_text() for label in left.get_yticklabels()] == list(found)
    for axes, rows in (
        (left, list(found.values())),
        (right, [found["walk of $_1$"] - found["reseed"]]),
    ):
        dots = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 8]
        np.testing.assert_allclose(dots, [100 * row for row in rows], atol=1e-12)
        for row, text in zip(rows, axes.texts, strict=True):
            low, high = stats.t.interval(0.9, 7, 100 * row.mean(), 100 * stats.sem(row))
            words = [f"{value:.2f}" for value in (100 * row.mean(), low, high)]
            if axes is right:
                words = [f"{word}" if word.startswith("-") else f"+{word}" for word in words]
            assert text.get_text() == f"{words[0]} [{words[1]}, {words[2]}]".replace("-", "−")
            ends = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
            assert any(np.allclose(end, [low, high]) for end in ends)
    assert "less that of reseed" in right.get_xlabel()
    saved(figure, tmp_path)


def test_one_repeat_has_no_interval(tmp_path: Path) -> None:
    figure = strategies_compared({"reseed": [0.9], "walk": [0.95]})
    assert [text.get_text() for text in panels(figure)[0].texts] == ["90.00", "95.00"]
    saved(figure, tmp_path)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: gain_by_delta({}), "there are no gains"),
        (lambda: gain_by_delta({"a": {}}), r"gains of 'a'.*at least one number|step sizes of 'a'"),
        (lambda: gain_by_delta({"a": {"small": 0.1}}), "a step size is no number"),
        (lambda: gain_by_delta({"a": {0.1: NAN, 0.2: NAN}}), "gains of 'a': all 2 are NaN"),
        (lambda: gain_by_trial({}), "there are no gains"),
        (lambda: gain_by_trial({"a": [0.1, 2.5]}), r"there is 2.5.*2.5 % is 0.025"),
        (lambda: gain_by_trial({"a": [0.1, math.inf]}), "NaN or infinite"),
        (lambda: gain_by_trial({"a": [[0.1]]}), r"the shape is \[1, 1\]"),
        (lambda: gain_by_trial({"a": ["high"]}), "expected numbers in one row"),
        (lambda: gain_by_time({}), "there are no gains"),
        (lambda: gain_by_time({"a": ([1, 2], [0.1])}), "2 seconds and 1 values"),
        (lambda: gain_by_time({"a": ([2, 1], [0.1, 0.2])}), "not in order"),
        (lambda: gain_by_time({"a": ([NAN, 1], [0.1, 0.2])}), "seconds: there are values that"),
        (lambda: accuracy_distribution([NAN, NAN]), "all 2 are NaN: no run came to its end"),
        (lambda: accuracy_distribution([]), "at least one number"),
        (lambda: accuracy_distribution([97.0]), "97 % is 0.97"),
        (lambda: accuracy_distribution([0.9], chosen=91.0), "chosen run, validation: there is 91"),
        (lambda: accuracy_distribution([0.9], mean_certified=NAN), "mean run, untouched rows"),
        (lambda: training_curves({}), "there are no trainings"),
        (lambda: training_curves({"a": ([0, 1], [NAN, NAN])}), "all trainings diverged"),
        (lambda: training_curves({"a": ([0], [0.1, 0.2])}), "1 epochs and 2 values"),
        (lambda: training_curves({"a": ([0], [-0.1])}, shown="loss"), "expected 0 or more"),
        (lambda: strategies_compared({}), "there are no accuracies"),
        (lambda: strategies_compared({"a": [0.9, NAN]}), "one of each repeat"),
        (
            lambda: strategies_compared({"a": [0.9], "b": [0.8, 0.9]}, baseline="a"),
            "'b' has 2 repeats and 'a' 1",
        ),
        (lambda: strategies_compared({"a": [0.9]}, baseline="a"), "there is 'a' alone"),
    ],
)
def test_bad_data(draw: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        draw()


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: accuracy_distribution([0.9], confidence=1.0), "confidence is 1.0"),
        (lambda: accuracy_distribution([0.9], interval=(0.8, 0.9)), "and the value None"),
        (
            lambda: accuracy_distribution([0.9], certified=0.95, interval=(0.8, 0.9)),
            r"the interval is \[0.8, 0.9\] and the value 0.95",
        ),
        (
            lambda: training_curves({"a": ([0], [0.1])}, shown="los"),  # type: ignore[arg-type]
            "did you mean 'loss'",
        ),
        (lambda: strategies_compared({"a": [0.9]}, confidence=0), "confidence is 0"),
        (
            lambda: strategies_compared({"reseed": [0.9], "b": [0.8]}, baseline="reseeding"),
            "did you mean 'reseed'",
        ),
    ],
)
def test_bad_options(draw: Any, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        draw()
