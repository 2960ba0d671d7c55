"""Learned scorers: which columns, and what the second head of the joint one learns from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from tests.misclassification.made_up import signals

from affidavit.errors import DataError
from affidavit.misclassification.features import matrix
from affidavit.misclassification.heads import Forest, LinearDiscriminant, Logistic
from affidavit.misclassification.scorers import Joint, Learned, scorer


def test_the_second_head_learns_from_scores_out_of_fold() -> None:
    given, labels = signals(120)
    new, _ = signals(50, seed=1)
    wrong = labels != given.predicted
    first, second = LinearDiscriminant(), Logistic(1.0)
    made = Joint(head=first, joint_head=second, folds=4, seed=3).fit(given, labels)
    x, more = matrix(given, ["conductance"]), matrix(given, ["label_change_rate"])
    split = StratifiedKFold(4, shuffle=True, random_state=3)
    scores = cross_val_predict(first.make(3), x, wrong, cv=split, method="decision_function")
    judge = second.make(3).fit(np.column_stack([scores, more]), wrong)
    whole = first.make(3).fit(x, wrong)
    seen = whole.decision_function(matrix(new, ["conductance"]))
    columns = np.column_stack([seen, matrix(new, ["label_change_rate"])])
    np.testing.assert_allclose(made.score(new), judge.decision_function(columns), rtol=1e-9)
    # The paper's way: scores of the data that the first head was fitted on.
    paper = Joint(head=first, joint_head=second, folds=None, seed=3).fit(given, labels)
    judge = second.make(3).fit(np.column_stack([whole.decision_function(x), more]), wrong)
    np.testing.assert_allclose(paper.score(new), judge.decision_function(columns), rtol=1e-9)


def test_a_head_that_learns_by_heart_is_not_believed() -> None:
    # Nothing but noise for the first head, and a rate that says something.
    given, labels = signals(300)
    draw = np.random.default_rng(0)
    noise = {"late": draw.normal(size=(300, 20))}
    given = replace(given, conductance=noise)
    settings = {"head": Forest(30, least_leaf=1), "joint_head": Logistic(1.0)}

    def weight_of_the_rate(folds: int | None) -> float:
        made = Joint(folds=folds, **settings).fit(given, labels)  # type: ignore[arg-type]
        assert made.fitted is not None
        score, rate = np.abs(made.fitted["second/estimator"][-1].coef_[0])
        return float(rate / (score + rate))

    assert weight_of_the_rate(None) < 0.3
    assert weight_of_the_rate(5) > 0.6


def test_few_wrong_predictions_still_make_folds() -> None:
    given, _ = signals(60)
    labels = given.predicted.copy()
    labels[:3] = (labels[:3] + 1) % 4
    made = Joint(head="lda", joint_head="lda", folds=10).fit(given, labels)
    assert np.isfinite(made.score(given)).all()
    labels[0] = given.predicted[0]
    with pytest.raises(DataError, match=r"2 wrong and 58 right .* at least 3 of each"):
        made.fit(given, labels)


def test_signals_of_another_width() -> None:
    given, labels = signals(60)
    made = Learned(("conductance",), "lda").fit(given, labels)
    fewer = replace(given, conductance={"late": given.conductance["late"]})
    with pytest.raises(DataError, match="the features have 6 columns; it was fitted on 9"):
        made.score(fewer)
    late = Learned(("conductance",), "lda", layers=["late"]).fit(given, labels)
    np.testing.assert_array_equal(late.score(given), late.score(fewer))


def test_further_features_of_another_width() -> None:
    given, labels = signals(60)
    made = Joint(("conductance",), "lda", ("logits",), "lda", folds=2).fit(given, labels)
    columns = 1 + given.logits.shape[1]
    other = replace(given, logits=np.concatenate([given.logits, given.logits - 99], 1))
    message = f"the features have {2 * columns - 1} columns; it was fitted on {columns}"
    with pytest.raises(DataError, match=message):
        made.score(other)


def test_the_scorers_on_logits_and_penultimate_features() -> None:
    given, labels = signals(60)
    for name, feature in (("mlp_logits", "logits"), ("mlp_penultimate", "penultimate")):
        baseline = scorer(name, head="logistic").fit(given, labels).score(given)
        plain = Learned((feature,), "logistic").fit(given, labels).score(given)
        np.testing.assert_array_equal(baseline, plain)
