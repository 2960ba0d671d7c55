"""Scorers on the logits against their formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.misclassification.made_up import signals
from tests.reference import misclassification_scores as reference

from affidavit.misclassification.scorers import Energy, MaxLogit, MaxLogitPNorm
from affidavit.misclassification.signals import Signals


def test_energy_and_max_logit() -> None:
    given, _ = signals(50)
    rows = given.logits.astype(float).tolist()
    for temperature in (1.0, 3.0):
        np.testing.assert_allclose(
            Energy(temperature).score(given), [reference.energy(z, temperature) for z in rows]
        )
    np.testing.assert_array_equal(MaxLogit().score(given), [-max(z) for z in rows])
    large = replace(given, logits=given.logits * 1000)
    assert np.isfinite(Energy().score(large)).all()


def test_the_p_norm_is_the_one_with_the_least_area() -> None:
    # The size of the logits is noise here, which a norm takes away.
    given, labels = signals(150)
    sizes = np.random.default_rng(2).uniform(0.05, 20, size=(150, 1))
    given = replace(given, logits=given.logits * sizes)
    wrong = (labels != given.predicted).tolist()
    rows = given.logits.tolist()
    areas = {
        p: reference.risk_coverage_area([reference.max_logit_p_norm(z, p) for z in rows], wrong)
        for p in range(1, 7)
    }
    plain = reference.risk_coverage_area([reference.max_softmax(z) for z in rows], wrong)
    best = min(areas, key=areas.__getitem__)
    assert areas[best] < plain
    made = MaxLogitPNorm(most=6).fit(given, labels)
    assert made.fitted is not None
    assert int(made.fitted["p"]) == best
    np.testing.assert_allclose(
        made.score(given), [reference.max_logit_p_norm(z, best) for z in rows], rtol=1e-9
    )


def test_max_softmax_where_no_norm_is_better() -> None:
    # Two classes: every norm of the centred logits is a multiple of the largest, and all tie.
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(60, 2))
    given = Signals(logits, logits.argmax(1))
    unsure = np.abs(logits[:, 0] - logits[:, 1]) < 0.5
    made = MaxLogitPNorm().fit(given, np.where(unsure, 1 - given.predicted, given.predicted))
    assert made.fitted is not None
    assert int(made.fitted["p"]) == 0
    np.testing.assert_allclose(made.score(given), [reference.max_softmax(z) for z in logits])


def test_equal_and_huge_logits() -> None:
    logits = np.array([[1.0, 1.0, 1.0], [1e200, 0.0, 0.0], [3.0, 1.0, 0.0]])
    given = Signals(logits, logits.argmax(1))
    made = MaxLogitPNorm()
    made.fitted = {"p": np.array(10)}
    scores = made.score(given)
    assert scores[0] == 0
    assert np.isfinite(scores).all()
    assert (scores[1:] < 0).all()
