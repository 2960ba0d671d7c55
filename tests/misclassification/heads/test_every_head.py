"""What holds for every head of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from affidavit.errors import DataError, DomainError
from affidavit.misclassification import heads
from affidavit.misclassification.heads import HEADS, Boosting, Forest, Head, Perceptron
from affidavit.misclassification.heads.base import check_enough

QUICK = Perceptron((16,), restarts=2, epochs=20, learning_rate=0.02, batch_size=32, dropout=0.0)
SMALL: dict[str, Head] = {**HEADS, "mlp": QUICK, "joint_mlp": QUICK, "forest": Forest(30)}


def problem(n: int = 240, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Ten columns, two of which say what is wrong, on scales far apart; one never changes."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, 10)) * np.logspace(-3, 3, 10)
    wrong = x[:, 0] * 1000 + x[:, 9] / 1000 + 0.4 * draw.normal(size=n) > 1
    x[:, 5] = 7.0
    return x, wrong


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    small = (heads.Logistic(), Forest(20), Boosting(20), QUICK)
    monkeypatch.setattr("affidavit.misclassification.heads.vote.MEMBERS", small)


@pytest.mark.parametrize("name", HEADS)
def test_it_learns_and_repeats(name: str) -> None:
    (x, wrong), (new, truth) = problem(), problem(seed=1)
    head = SMALL[name]
    fitted = head.fit(x, wrong, seed=3)
    scores = head.score(fitted, new)
    assert scores.shape == (240,)
    assert np.isfinite(scores).all()
    assert roc_auc_score(truth, scores) > 0.9
    np.testing.assert_array_equal(scores, head.score(head.fit(x, wrong, seed=3), new))
    alone = np.concatenate([head.score(fitted, new[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(scores[:5], alone, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", HEADS)
def test_few_of_a_kind(name: str) -> None:
    x, _ = problem(40)
    few = np.zeros(40, bool)
    few[[3, 7]] = True
    for kind in (few, ~few):
        assert np.isfinite(SMALL[name].score(SMALL[name].fit(x, kind, 0), x)).all()
    few[3] = False
    with pytest.raises(DataError, match="1 wrong and 39 right predictions to learn from"):
        SMALL[name].fit(x, few, 0)


@pytest.mark.parametrize("name", HEADS)
def test_a_head_is_written_and_read(name: str) -> None:
    assert heads.read(heads.written(HEADS[name])) == HEADS[name]
    assert heads.head(HEADS[name]) is HEADS[name]
    assert heads.head(heads.read(heads.written(name))) == HEADS[name]


def test_the_vote_is_the_mean_of_its_members() -> None:
    x, wrong = problem()
    fitted = HEADS["vote"].fit(x, wrong, 0)
    parts = []
    for member in (heads.Logistic(), Forest(20), Boosting(20), QUICK):
        own = member.score(member.fit(x, wrong, 0), x)
        if member.name in ("logistic", "boosting"):
            own = 1 / (1 + np.exp(-own))
        parts.append(own)
    np.testing.assert_allclose(HEADS["vote"].score(fitted, x), np.mean(parts, axis=0), atol=1e-12)


@pytest.mark.parametrize("record", [3, {"kind": "tree"}, {"kind": "mlp", "colour": 1}, {}])
def test_records_of_no_head(record: Any) -> None:
    with pytest.raises((TypeError, KeyError)):
        heads.read(record)


def test_what_it_refuses() -> None:
    with pytest.raises(DomainError, match=r"no head 'foerst' \(did you mean 'forest'\?\)"):
        heads.head("foerst")
    for settings in ({"restarts": 0}, {"held_out": 1.0}, {"dropout": 1.0}, {"hidden": (0,)}):
        with pytest.raises(DomainError, match="expected counts of at least 1"):
            Perceptron(**settings)
    with pytest.raises(DataError, match="0 wrong and 3 right"):
        check_enough(np.zeros(3, bool))
