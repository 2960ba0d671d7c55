"""What refused inputs go on to: a larger model, or people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affidavit.attribution import Classifier
from affidavit.cli.detect.setup import Chosen, Preparation, Subject, check_takes, model_of
from affidavit.data import Dataset
from affidavit.errors import DomainError


@dataclass(frozen=True, eq=False)
class Second:
    """What refused inputs go on to.

    Attributes:
        right: whether it is right, [row], or its accuracy.
        cost: of an input, where one of the model costs 1.
        name: in words.
    """

    right: NDArray[np.bool_] | float
    cost: float
    name: str


def second_of(
    subject: Subject,
    preparation: Preparation,
    dataset: Dataset,
    chosen: Chosen,
    model: str | None,
    weights: Path | None,
    accuracy: float | None,
    cost: float,
) -> Second | None:
    """What the options name; None where they name nothing.

    Raises:
        DomainError: a model and people, an accuracy or a cost without meaning.
        AffidavitError: no such model, or one that does not take the data's inputs.
    """
    if not (np.isfinite(cost) and cost >= 0):
        raise DomainError(f"--second-cost {cost}: expected a finite number of at least 0")
    if model is not None and accuracy is not None:
        raise DomainError("--second and --specialist-accuracy: expected one of them")
    if model is None:
        if weights is not None:
            raise DomainError("--second-weights: they belong to --second, which is not given")
        if accuracy is None:
            return None
        if not 0 <= accuracy <= 1:
            raise DomainError(f"--specialist-accuracy {accuracy}: expected between 0 and 1")
        return Second(accuracy, cost, f"people who are right in {100 * accuracy:g} % of all cases")
    other = model_of(replace(subject, model=model, weights=weights), preparation, dataset)
    check_takes(other, chosen)
    classifier = other if isinstance(other, Classifier) else None
    if classifier is None:
        # Any number is an input where nothing says otherwise.
        span = (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))
        classifier = Classifier(other, data_range=span)
    decided = classifier.scores(chosen.inputs).argmax(1).cpu().numpy()
    return Second(decided == chosen.labels, cost, model)
