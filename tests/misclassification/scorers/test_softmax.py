"""Scorers on the softmax against their formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.misclassification.made_up import signals
from tests.reference import misclassification_scores as reference

from affidavit.misclassification.scorers import Doctor, MaxSoftmax, Scorer, scorer
from affidavit.misclassification.scorers.softmax import TemperatureScaled
from affidavit.misclassification.signals import Signals


@pytest.mark.parametrize(
    ("made", "formula"),
    [
        (scorer("max_softmax"), reference.max_softmax),
        (scorer("entropy"), lambda z: reference.entropy(reference.softmax(z))),
        (scorer("margin"), reference.margin),
        (scorer("doctor"), lambda z: reference.doctor_alpha(z, 1)),
        (scorer("doctor", temperature=2.5), lambda z: reference.doctor_alpha(z, 2.5)),
        (scorer("doctor", form="beta", temperature=0.5), lambda z: reference.doctor_beta(z, 0.5)),
    ],
    ids=["max_softmax", "entropy", "margin", "alpha", "alpha at 2.5", "beta at 0.5"],
)
def test_the_formula(made: Scorer, formula: Callable[[list[float]], float]) -> None:
    given, _ = signals(50)
    expected = [formula(row) for row in given.logits.astype(float).tolist()]
    np.testing.assert_allclose(made.score(given), expected, rtol=1e-9, atol=1e-13)


def of(*rows: list[float]) -> Signals:
    logits = np.array(rows)
    return Signals(logits, logits.argmax(1))


def test_sure_predictions_do_not_tie() -> None:
    sure = of([50.0, 0.0], [60.0, 0.0], [500.0, 0.0])
    scores = MaxSoftmax().score(sure)
    assert scores[0] > scores[1] > scores[2] > 0
    np.testing.assert_allclose(scores, np.exp([-50.0, -60.0, -500.0]), rtol=1e-12)
    for form in ("alpha", "beta"):
        odds = Doctor(form=form).score(sure)
        assert odds[0] > odds[1] > odds[2] > 0


def test_beta_orders_inputs_as_max_softmax() -> None:
    given, _ = signals(80)
    np.testing.assert_array_equal(
        np.argsort(Doctor(form="beta").score(given)), np.argsort(MaxSoftmax().score(given))
    )


def test_the_temperature_has_the_least_cross_entropy() -> None:
    given, labels = signals(100)
    given = replace(given, logits=given.logits * 3)
    fitted = TemperatureScaled().fit(given, labels).fitted
    assert fitted is not None
    best = float(fitted["temperature"])
    rows = given.logits.astype(float).tolist()
    losses = {t: reference.cross_entropy(rows, labels.tolist(), t) for t in (best, 0.5, 1.0, 2.0)}
    assert min(losses, key=losses.__getitem__) == best
    for nearby in (best * 0.99, best * 1.01):
        assert reference.cross_entropy(rows, labels.tolist(), nearby) > losses[best]
    assert best > 2
    colder = replace(given, logits=given.logits / np.float32(best))
    np.testing.assert_allclose(
        TemperatureScaled().fit(given, labels).score(given), MaxSoftmax().score(colder), rtol=1e-4
    )


def test_logits_may_be_shifted() -> None:
    given, _ = signals(30)
    shifted = replace(given, logits=given.logits.astype(float) + 700)
    for name in ("max_softmax", "entropy", "margin", "doctor"):
        np.testing.assert_allclose(
            scorer(name).score(shifted), scorer(name).score(given), rtol=1e-6, atol=1e-12
        )
