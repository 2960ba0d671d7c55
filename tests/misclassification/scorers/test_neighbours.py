"""Distances to the fitting data against their definitions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.misclassification.made_up import signals
from tests.reference import misclassification_scores as reference

from affidavit.errors import DataError
from affidavit.misclassification.scorers import Neighbours, TrustScore
from affidavit.misclassification.signals import Signals


@pytest.mark.parametrize("k", [1, 4])
def test_the_kth_nearest(k: int) -> None:
    fitting, labels = signals(60)
    new, _ = signals(20, seed=1)
    assert fitting.penultimate is not None
    assert new.penultimate is not None
    known, rows = fitting.penultimate.tolist(), new.penultimate.tolist()
    everyone = Neighbours(k, "all").fit(fitting, labels).score(new)
    np.testing.assert_allclose(everyone, [reference.neighbours(x, known, k) for x in rows])
    own = Neighbours(k).fit(fitting, labels).score(new)
    expected = [
        reference.neighbours(
            x, [row for row, label in zip(known, labels, strict=True) if label == predicted], k
        )
        for x, predicted in zip(rows, new.predicted, strict=True)
    ]
    np.testing.assert_allclose(own, expected)


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_the_trust_score(alpha: float) -> None:
    fitting, labels = signals(60)
    new, _ = signals(20, seed=1)
    assert fitting.penultimate is not None
    assert new.penultimate is not None
    known, rows = fitting.penultimate.tolist(), new.penultimate.tolist()
    found = TrustScore(k=3, alpha=alpha).fit(fitting, labels).score(new)
    trust = np.array(
        [
            reference.trust(x, predicted, known, labels.tolist(), 3, alpha)
            for x, predicted in zip(rows, new.predicted.tolist(), strict=True)
        ]
    )
    np.testing.assert_allclose(found, 1 / (1 + trust), rtol=1e-6)


def test_classes_with_few_or_no_inputs() -> None:
    fitting, labels = signals(60)
    new, _ = signals(40, seed=1)
    assert fitting.penultimate is not None
    kept = labels != 2
    part, known = fitting[kept], labels[kept]
    unknown = new.predicted == 2
    assert unknown.any()
    assert (Neighbours().fit(part, known).score(new)[unknown] == 2).all()
    assert (TrustScore().fit(part, known).score(new)[unknown] == 1).all()
    few = np.flatnonzero(labels == 2)[:2]
    rows = np.concatenate([np.flatnonzero(kept), few])
    found = Neighbours(k=10).fit(fitting[rows], labels[rows]).score(new)[unknown]
    assert new.penultimate is not None
    members = fitting.penultimate[few].tolist()
    expected = [reference.neighbours(x, members, 2) for x in new.penultimate[unknown].tolist()]
    np.testing.assert_allclose(found, expected)


def test_an_input_that_lies_on_both_classes() -> None:
    x = np.zeros((4, 2))
    given = Signals(np.eye(2)[[0, 1, 0, 1]], np.array([0, 1, 0, 1]), penultimate=x)
    found = TrustScore().fit(given, [0, 1, 1, 0])
    np.testing.assert_array_equal(found.score(given), 0.5)


def test_features_of_another_width_and_a_single_class() -> None:
    fitting, labels = signals(40)
    assert fitting.penultimate is not None
    other = replace(fitting, penultimate=fitting.penultimate[:, :4])
    for made in (Neighbours(), TrustScore()):
        with pytest.raises(DataError, match="4 penultimate features; it was fitted on 6"):
            made.fit(fitting, labels).score(other)
    with pytest.raises(DataError, match="all fitting data are of one class"):
        TrustScore().fit(fitting, np.ones(40, int))
