"""What holds for every scorer of the table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from tests.misclassification.made_up import signals

from affidavit.errors import DataError, DomainError
from affidavit.misclassification.heads import Perceptron
from affidavit.misclassification.scorers import SCORERS, Scorer, scorer

QUICK = Perceptron((16,), restarts=1, epochs=20, learning_rate=0.02, batch_size=32, dropout=0.0)
OPTIONS: dict[str, dict[str, Any]] = {
    "mlp_logits": {"head": QUICK},
    "mlp_penultimate": {"head": QUICK},
    "learned": {"head": "logistic", "features": ("conductance", "contrast", "label_change_rate")},
    "joint": {"head": "logistic", "joint_head": "lda", "folds": 2},
}


def small(name: str) -> Scorer:
    return scorer(name, **OPTIONS.get(name, {}))


@pytest.mark.parametrize("name", SCORERS)
def test_scores_are_larger_where_predictions_are_wrong(name: str) -> None:
    fitting, labels = signals(300)
    new, classes = signals(300, seed=1)
    found = small(name).fit(fitting, labels)
    assert found.score(new).dtype == np.float64
    assert found.score(new).shape == (300,)
    assert roc_auc_score(classes != new.predicted, found.score(new)) > 0.6


@pytest.mark.parametrize("name", SCORERS)
def test_a_score_is_that_of_its_row_alone_and_repeatable(name: str) -> None:
    fitting, labels = signals(60)
    new, _ = signals(9, seed=1)
    found = small(name).fit(fitting, labels)
    scores = found.score(new)
    alone = np.concatenate([found.score(new[[row]]) for row in range(9)])
    np.testing.assert_allclose(scores, alone, rtol=1e-9, atol=1e-12)
    again = small(name).fit(fitting, labels).score(new)
    np.testing.assert_array_equal(scores, again)
    assert found.score(new[:0]).shape == (0,)


@pytest.mark.parametrize("name", SCORERS)
def test_it_works_on_what_it_says_it_needs(name: str) -> None:
    full, labels = signals(60)
    made = small(name)
    kept = {
        "penultimate": full.penultimate if "penultimate" in made.needs else None,
        "conductance": full.conductance if "conductance" in made.needs else {},
        "runner_up": full.runner_up if "runner_up" in made.needs else {},
        "label_change_rate": full.label_change_rate if "label_change_rate" in made.needs else None,
        "members": {of: p for of, p in full.members.items() if of in made.needs},
    }
    part = replace(full, **kept)  # type: ignore[arg-type]
    assert part.has >= made.needs
    np.testing.assert_array_equal(
        made.fit(part, labels).score(part), small(name).fit(full, labels).score(full)
    )
    bare = replace(
        full, penultimate=None, conductance={}, runner_up={}, label_change_rate=None, members={}
    )
    for need in made.needs - {"logits"}:
        with pytest.raises(DataError, match=f"the signals have no .*{need}"):
            made.fit(bare, labels)
        with pytest.raises(DataError, match=f"the signals have no .*{need}"):
            made.score(bare)


@pytest.mark.parametrize("name", SCORERS)
def test_fitting_data_without_wrong_or_right_predictions(name: str) -> None:
    full, _ = signals(40)
    made = small(name)
    if not made.needs_fit:
        made.fit(full, full.predicted)
        return
    with pytest.raises(DataError, match="all 40 predictions are right"):
        made.fit(full, full.predicted)
    with pytest.raises(DataError, match="every prediction is wrong"):
        made.fit(full, (full.predicted + 1) % 4)
    with pytest.raises(DataError, match="there are no inputs"):
        made.fit(full[:0], full.predicted[:0])
    with pytest.raises(DomainError, match=f"{name} has learned nothing yet"):
        small(name).score(full)


@pytest.mark.parametrize("name", SCORERS)
def test_it_is_cloned_as_an_estimator_is(name: str) -> None:
    full, labels = signals(60)
    made = small(name).fit(full, labels)
    twin = clone(made)
    assert twin == made
    assert twin.fitted is None
    with pytest.raises(DomainError, match=f"{name} has no parameter 'colour'"):
        twin.set_params(colour="red")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(3, int), r"labels have the shape \[3\]; expected 40, one an input"),
        (np.full(40, 0.5), "labels are float64; expected classes by number"),
        (np.full(40, 4), r"label 4 of inputs 0, 1, 2, 3, 4 and 35 more: the model has 4 classes"),
        (["a"] * 40, "expected classes by number"),
    ],
    ids=["count", "fractions", "range", "words"],
)
def test_labels_that_it_refuses(labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        scorer("temperature_scaled").fit(signals(40)[0], labels)


def test_by_name_or_as_it_is() -> None:
    made = SCORERS["doctor"]()
    assert scorer(made) is made
    assert scorer("doctor", form="beta").get_params() == {"form": "beta", "temperature": 1.0}
    with pytest.raises(DomainError, match=r"no scorer 'entropi' \(did you mean 'entropy'\?\)"):
        scorer("entropi")


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("doctor", {"form": "gamma"}, "form is 'gamma'"),
        ("doctor", {"temperature": 0.0}, "temperature is 0.0; expected a number above 0"),
        ("energy", {"temperature": -1.0}, "temperature is -1.0"),
        ("max_logit_p_norm", {"most": 0}, "most is 0"),
        ("neighbours", {"k": 0}, "k is 0"),
        ("neighbours", {"among": "most"}, "among is 'most'"),
        ("trust_score", {"alpha": 1.0}, "alpha is 1.0"),
        ("mc_dropout", {"statistic": "entropi"}, r"did you mean 'entropy'"),
        ("learned", {"features": "conductance"}, r"expected a list: \['conductance'\]"),
        ("learned", {"features": ()}, "no features"),
        ("learned", {"features": ("conductanse",)}, r"did you mean 'conductance'"),
        ("learned", {"head": "tree"}, "there is no head 'tree'"),
        ("joint", {"folds": 1}, "folds is 1; expected 2 or more, or None"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_parameters_that_make_no_sense(name: str, parameters: Any, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        scorer(name, **parameters)
