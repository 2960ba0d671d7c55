"""Many images, many methods: what was measured is kept by image, and a run can go on later."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import joblib
import torch
from torch import Tensor

from affidavit.attribution.classifier import Classifier
from affidavit.attribution.evaluation.measures import Measures
from affidavit.attribution.explainers.explainer import Explains
from affidavit.errors import DataError, OutputError
from affidavit.progress import shown


@dataclass(frozen=True)
class Method:
    """A method of a survey.

    Attributes:
        explainer: gives the attributions.
        measures: what is measured of them.
        together: images that are explained at once; their seconds are shared out evenly.
    """

    explainer: Explains
    measures: Measures = field(default_factory=Measures)
    together: int = 1

    @property
    def settings(self) -> str:
        """All that the results depend on, in words."""
        return f"{self.explainer!r}, {self.measures!r}, {self.together} at once"


@dataclass(frozen=True)
class Record:
    """What was measured of one image with one method.

    Attributes:
        image, method: their names.
        settings: those of the method.
        values: {measure: number}, with the `seconds` to explain, and the `processor_seconds`, which
            other work on the machine does not change.
    """

    image: str
    method: str
    settings: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class _Item:
    """Images that one method explains together."""

    method: str
    rows: tuple[int, ...]


def survey(
    path: Path,
    classifier: Classifier,
    images: Mapping[str, Tensor],
    targets: Sequence[int],
    methods: Mapping[str, Method],
    *,
    jobs: int = 1,
    progress: bool = False,
) -> list[Record]:
    """Explains and measures every image with every method, and writes each result at once.

    What the file has already, with the same settings, is not computed again: the same call goes on
    where a run was stopped. Images come one after the other with all methods, so that a run that
    is cut short has pairs to compare. A method with new settings is computed anew; its old lines
    stay in the file.

    Args:
        path: a file of JSON lines, one a record; made if it is not there.
        classifier: the network.
        images: [channel, height, width] by name; all of one shape.
        targets: the class of each.
        methods: by name.
        jobs: processes, by joblib.
        progress: whether to show a bar on standard error.

    Returns:
        The records of these images and methods, image by image.

    Raises:
        DataError: the number of targets is another than that of the images.
        OutputError: the file cannot be written, or holds something else.
    """
    if len(targets) != len(images):
        raise DataError(f"there are {len(images)} images and {len(targets)} targets")
    names, pixels = list(images), list(images.values())
    settings = {name: method.settings for name, method in methods.items()}
    known = {(one.image, one.method, one.settings): one for one in read(path)}
    done = {(image, name) for image, name, made_with in known if settings.get(name) == made_with}
    items = list(_items(names, methods, done))
    work = (
        joblib.delayed(_measured)(
            classifier,
            [names[row] for row in item.rows],
            torch.stack([pixels[row] for row in item.rows]),
            torch.tensor([int(targets[row]) for row in item.rows]),
            item.method,
            methods[item.method],
        )
        for item in items
    )
    run = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
    with _appending(path) as file, shown(progress, "survey") as advance:
        for number, records in enumerate(run(work), start=1):
            for record in records:
                file.write(json.dumps(asdict(record)) + "\n")
                known[record.image, record.method, record.settings] = record
            file.flush()
            if advance is not None:
                advance(number, len(items))
    return [known[name, method, settings[method]] for name in names for method in methods]


def read(path: Path) -> list[Record]:
    """The records of a file, none if it is not there; a last line that was cut off is left out.

    Raises OutputError for a file that holds something else.
    """
    if not path.exists():
        return []
    lines = path.read_text().split("\n")
    found = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            found.append(Record(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise OutputError(
                f"{path}, line {number} is no record of a survey; expected a file that a survey"
                " wrote, or none"
            ) from error
    return found


def columns(records: Sequence[Record]) -> dict[str, dict[str, list[float]]]:
    """{method: {measure: numbers}}, of each method in the order of its records."""
    found: dict[str, dict[str, list[float]]] = {}
    for record in records:
        for measure, value in record.values.items():
            found.setdefault(record.method, {}).setdefault(measure, []).append(value)
    return found


def _items(
    names: Sequence[str], methods: Mapping[str, Method], done: set[tuple[str, str]]
) -> Iterator[_Item]:
    """What is left to do, images first, so that all methods are at the same images."""
    most = max((method.together for method in methods.values()), default=1)
    for start in range(0, len(names), most):
        rows = range(start, min(start + most, len(names)))
        for name, method in methods.items():
            left = [row for row in rows if (names[row], name) not in done]
            for first in range(0, len(left), method.together):
                yield _Item(name, tuple(left[first : first + method.together]))


def _measured(
    classifier: Classifier,
    names: Sequence[str],
    pixels: Tensor,
    target: Tensor,
    name: str,
    method: Method,
) -> list[Record]:
    started, worked = time.perf_counter(), time.process_time()
    attribution = method.explainer(classifier, pixels, target)
    cost = {
        "seconds": _short((time.perf_counter() - started) / len(pixels)),
        "processor_seconds": _short((time.process_time() - worked) / len(pixels)),
    }
    values = method.measures(method.explainer, classifier, pixels, target, attribution)
    return [
        Record(
            image,
            name,
            method.settings,
            cost | {measure: _short(float(numbers[row])) for measure, numbers in values.items()},
        )
        for row, image in enumerate(names)
    ]


def _short(value: float) -> float:
    """Six digits are more than the arithmetic is good for."""
    return float(f"{value:.6g}") if math.isfinite(value) else value


@contextmanager
def _appending(path: Path) -> Iterator[Any]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = path.read_text() if path.exists() else ""
        # A run that was killed may have left half a line.
        whole = kept[: kept.rfind("\n") + 1]
        if whole != kept:
            path.write_text(whole)
        file = path.open("a")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    with file:
        yield file
