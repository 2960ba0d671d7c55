"""Surveys: resumed where they stopped, the same in the end, honest about settings; and costs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.attribution.networks import cnn, images
from torch import Tensor

from affidavit.attribution import Classifier
from affidavit.attribution.evaluation import (
    Measures,
    Method,
    Record,
    columns,
    cost,
    peak_memory,
    read,
    survey,
)
from affidavit.attribution.explainers import Centre, GradCAM, Random, Saliency
from affidavit.errors import DataError, OutputError

MEASURES = Measures(fills=("black",), steps=3, squares=0, shares=(0.2,))
METHODS = {
    "saliency": Method(Saliency(), MEASURES, together=2),
    "grad_cam": Method(GradCAM(), MEASURES, together=3),
    "random": Method(Random(), MEASURES),
}
TARGETS = [0, 1, 2, 0, 1]


def photographs() -> dict[str, Tensor]:
    return {f"image {row}": pixels for row, pixels in enumerate(images(5))}


def without_seconds(records: list[Record]) -> list[tuple[str, str, dict[str, float]]]:
    return [
        (one.image, one.method, {k: v for k, v in one.values.items() if "seconds" not in k})
        for one in records
    ]


def same(first: list[Record], second: list[Record]) -> None:
    pairs = zip(without_seconds(first), without_seconds(second), strict=True)
    for (*one, a), (*two, b) in pairs:
        assert one == two
        assert a == pytest.approx(b, rel=1e-3, abs=1e-5)


def test_a_stopped_run_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    classifier = Classifier(cnn())
    whole = survey(tmp_path / "whole.jsonl", classifier, photographs(), TARGETS, METHODS)
    assert [(one.image, one.method) for one in whole] == [
        (f"image {row}", name) for row in range(5) for name in METHODS
    ]
    assert all(one.values["seconds"] > 0 for one in whole)
    assert all(one.values["processor_seconds"] > 0 for one in whole)
    part = tmp_path / "part.jsonl"
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    # Killed while it wrote: six records, and half of another.
    part.write_text("".join(lines[:6]) + lines[6][: len(lines[6]) // 2])
    again = survey(part, classifier, photographs(), TARGETS, METHODS)
    same(again, whole)
    assert len(read(part)) == 15
    done = part.read_text()
    assert done.startswith("".join(lines[:6]))
    assert survey(part, classifier, photographs(), TARGETS, METHODS) == again
    assert part.read_text() == done


class StoppedError(Exception):
    pass


class Counting(Classifier):
    calls = 0

    def forward(self, pixels: Tensor) -> Tensor:
        Counting.calls += 1
        if Counting.calls > 60:
            raise StoppedError
        return super().forward(pixels)


def test_images_come_first_so_that_a_part_has_pairs(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "survey.jsonl"
    methods = {name: Method(one.explainer, MEASURES) for name, one in METHODS.items()}
    with pytest.raises(StoppedError):
        survey(path, Counting(cnn()), photographs(), TARGETS, methods)
    found = read(path)
    assert 2 < len(found) < 15
    order = [(f"image {row}", name) for row in range(5) for name in METHODS]
    assert [(one.image, one.method) for one in found] == order[: len(found)]


def test_other_settings_are_computed_anew(tmp_path: Path) -> None:
    path, classifier = tmp_path / "survey.jsonl", Classifier(cnn())
    first = survey(path, classifier, photographs(), TARGETS, {"random": METHODS["random"]})
    other = {"random": Method(Random(seed=1), MEASURES)}
    second = survey(path, classifier, photographs(), TARGETS, other)
    assert without_seconds(first) != without_seconds(second)
    assert len(read(path)) == 10
    assert survey(path, classifier, photographs(), TARGETS, other) == second
    both = {**other, "grad_cam": METHODS["grad_cam"]}
    more = survey(path, classifier, photographs(), TARGETS, both)
    assert [one for one in more if one.method == "random"] == second
    assert len(read(path)) == 15
    found = columns(more)
    assert list(found) == ["random", "grad_cam"]
    assert len(found["grad_cam"]["deletion_black"]) == 5
    assert set(found["random"]) >= {"seconds", "gini", "insertion_black", "kept_black_0.2"}


def test_processes_give_the_same(tmp_path: Path) -> None:
    classifier = Classifier(cnn())
    methods = {"centre": Method(Centre(), MEASURES), "saliency": METHODS["saliency"]}
    runs = [
        survey(tmp_path / f"{jobs}.jsonl", classifier, photographs(), TARGETS, methods, jobs=jobs)
        for jobs in (1, 2)
    ]
    same(*runs)


def test_bad_files_and_targets(tmp_path: Path) -> None:
    path, classifier = tmp_path / "survey.jsonl", Classifier(cnn())
    path.write_text(json.dumps({"other": 1}) + "\n")
    with pytest.raises(OutputError, match="line 1 is no record of a survey"):
        survey(path, classifier, photographs(), TARGETS, METHODS)
    assert json.loads(path.read_text()) == {"other": 1}
    with pytest.raises(DataError, match="5 images and 2 targets"):
        survey(tmp_path / "x.jsonl", classifier, photographs(), [0, 1], METHODS)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        survey(tmp_path / "file" / "x.jsonl", classifier, photographs(), TARGETS, METHODS)
    assert read(tmp_path / "none.jsonl") == []


def test_peak_memory_is_what_was_held_at_once() -> None:
    def held() -> None:
        first = torch.zeros(1000, 1000)
        second = first + 1
        del first
        third = second * 2
        del second, third

    assert peak_memory(held) == pytest.approx(8e6, rel=0.01)
    found = cost(Saliency(), Classifier(cnn()), images(4), 0)
    assert found.seconds > 0
    # At least the first layer's output and its gradient must have been held: [8, 16, 16] each.
    assert found.megabytes > 2 * 8 * 16 * 16 * 4 / 1e6
    with pytest.raises(DataError, match="an empty batch"):
        cost(Saliency(), Classifier(cnn()), images(4)[:0])
