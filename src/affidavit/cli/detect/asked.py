"""From options of the command line to what is to be fitted, and what is told of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from affidavit.cli.detect.fitting import DETECTOR, Fitted, Mutation, Task, threshold_of
from affidavit.cli.detect.scorers import needs_of, policy_of, scorer_of
from affidavit.cli.detect.setup import (
    Chosen,
    Preparation,
    Subject,
    check_takes,
    chosen_rows,
    fitting_part,
    model_of,
)
from affidavit.data import Dataset
from affidavit.errors import DomainError
from affidavit.misclassification import policy_to_json
from affidavit.misclassification.extraction import Extraction
from affidavit.misclassification.scorers import Learned, Scorer
from affidavit.report import wording


@dataclass(frozen=True)
class Wanted:
    """What is to be fitted, as the options say; for each, see `affidavit detect fit --help`."""

    part: str | None
    rows: str | None
    calibrate_on: str | None
    share: float
    features: tuple[str, ...]
    head: str | None
    layers: tuple[str, ...]
    scorer: str | None
    options: tuple[str, ...]
    penultimate: str | None
    policy: str
    mutation: Mutation
    against: tuple[str, ...]
    samples: int
    batch_size: int


@dataclass(frozen=True, eq=False)
class Asked:
    """What is to be fitted, on which rows.

    Attributes:
        dataset: all the data.
        preparation: what is done before and after the model.
        chosen: rows to learn from.
        calibration: rows that thresholds are chosen on, where they are of another part.
        task: what is to be fitted.
    """

    dataset: Dataset
    preparation: Preparation
    chosen: Chosen
    calibration: Chosen | None
    task: Task


def asked_of(
    subject: Subject,
    wanted: Wanted,
    prepared: tuple[str | None, str | None, str | None],
    progress: bool,
) -> Asked:
    """What the options ask for.

    Args:
        prepared: `--mean`, `--std` and `--output`.

    Raises:
        AffidavitError: options that mean nothing, or nothing together; models and data that
            cannot be read, or do not fit each other.
    """
    if not 0 < wanted.share < 1:
        raise DomainError(f"--calibration-share {wanted.share}: expected between 0 and 1")
    policy = policy_of(wanted.policy)
    scorers = _scorers(wanted, subject.seed)
    dataset = subject.dataset(progress)
    part = fitting_part(wanted.part, dataset)
    if wanted.calibrate_on == part:
        raise DomainError(
            f"--calibrate-on {part}: it is the part that is fitted on; leave it out, and a share of"
            " the rows is left for the thresholds"
        )
    if part == "train" and wanted.calibrate_on is None:
        raise DomainError(
            "--part train: a model is right on what it was trained on for other reasons than on new"
            " data, so thresholds have to be chosen elsewhere: give --calibrate-on validation"
        )
    preparation = Preparation.of(*prepared, dataset)
    model = model_of(subject, preparation, dataset)
    chosen = chosen_rows(subject, dataset, part, wanted.rows, model)
    check_takes(model, chosen)
    calibration = None
    if wanted.calibrate_on is not None:
        calibration = chosen_rows(subject, dataset, wanted.calibrate_on, None, model)
    baselines = None
    if preparation.mean is not None and chosen.inputs.ndim == 2:
        # The other end of a table's conductance: its mean row, which the model sees as zeros.
        baselines = torch.tensor([preparation.mean]).to(chosen.inputs)
    settings = Extraction(
        layers=wanted.layers,
        baselines=baselines,
        penultimate=wanted.penultimate,
        batch_size=wanted.batch_size,
        seed=subject.seed,
    )
    needs = needs_of(scorers, wanted.layers, model)
    task = Task(
        model, scorers, needs, settings, wanted.mutation, policy, wanted.share, wanted.samples,
        subject.seed, progress,
    )  # fmt: skip
    return Asked(dataset, preparation, chosen, calibration, task)


def _scorers(wanted: Wanted, seed: int) -> dict[str, Scorer]:
    own = scorer_of(
        wanted.scorer, wanted.features, wanted.head, wanted.layers, wanted.options, seed
    )
    names = () if wanted.against == ("none",) else wanted.against
    others = {name: scorer_of(name, (), None, wanted.layers, (), seed) for name in names}
    # The detector beside itself says nothing.
    return {DETECTOR: own, **{name: one for name, one in others.items() if one != own}}


def facts_of(subject: Subject, wanted: Wanted, asked: Asked, found: Fitted) -> dict[str, Any]:
    """What was fitted on what, as plain data that is kept with the detector."""
    own = asked.task.scorers[DETECTOR]
    threshold = threshold_of(found.detectors[DETECTOR])
    facts: dict[str, Any] = {
        "scorer": own.name,
        "settings": {key: _plain(value) for key, value in own.get_params().items()},
        "layers": list(wanted.layers),
        "model": subject.model,
        "data": asked.dataset.name,
        "part": asked.chosen.part,
        "rows": len(asked.chosen),
        "calibrate_on": None if asked.calibration is None else asked.calibration.part,
        "policy": policy_to_json(asked.task.policy),
        "threshold": wording.number(threshold),
        "seed": subject.seed,
    }
    for kind, (rights, wrongs) in found.counts.items():
        facts[f"{kind}_right"], facts[f"{kind}_wrong"] = rights, wrongs
    if found.mutants is not None:
        facts["mutants"] = {
            **asdict(wanted.mutation),
            "units_mutated": found.mutants.units,
            "units_in_all": found.mutants.units_in_all,
            "rejected": found.mutants.rejected,
        }
    facts["in_words"] = _in_words(own, asked, found, threshold)
    return facts


def _in_words(own: Scorer, asked: Asked, found: Fitted, threshold: float) -> list[str]:
    what = own.name
    if isinstance(own, Learned):
        what = f"{own.head} on {', '.join(own.features)}"
    learned, other = (found.counts[kind] for kind in ("learned", "calibration"))
    part = asked.chosen.part
    lines = [f"Detector: {what}."]
    if found.mutants is not None:
        lines.append(f"{found.mutants!r}.")
    of = part if asked.calibration is None else asked.calibration.part
    if not own.needs_fit:
        lines.append(
            f"It learns nothing; its threshold was chosen on {_counted(other)} predictions on {of}."
        )
    else:
        lines.append(
            f"It learned from {_counted(learned)} predictions on {part}; its threshold was chosen"
            f" on {_counted(other)} ones on {of}."
        )
    policy = asked.task.policy.name.replace("_", " ")
    lines.append(f"It refuses from a score of {wording.number(threshold)} on, by {policy}.")
    return lines


def _counted(counts: tuple[int, int]) -> str:
    return f"{counts[0]:,} right and {counts[1]:,} wrong"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def classes_of(dataset: Dataset, count: int) -> tuple[str, ...]:
    """A name for each class of the model: those of the data where there are as many, or numbers."""
    names = dataset.class_names
    return names if len(names) == count else tuple(map(str, range(count)))
