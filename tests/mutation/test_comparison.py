from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from tests.mutation.networks import inputs, network

from affidavit.errors import DataError, DomainError
from affidavit.mutation import (
    SequentialTest,
    auroc_by_count,
    compare_operators,
    label_change_rate,
    mutants,
    pictures,
    separation,
)

X = inputs(30)


def test_separation_is_that_of_table_3() -> None:
    rates = np.array([0.0, 0.1, 0.1, 0.4, 0.3, 0.1, 0.9])
    wrong = np.array([0, 0, 0, 0, 1, 1, 1], bool)
    found = separation(rates, wrong)
    right, bad = rates[:4], rates[4:]
    assert found.right_mean == pytest.approx(right.mean())
    assert found.wrong_std == pytest.approx(bad.std())
    assert found.difference == pytest.approx(bad.mean() - bad.std() - right.mean() - right.std())
    assert found.auroc == pytest.approx(roc_auc_score(wrong, rates))
    pairs = [(b > r) + 0.5 * (b == r) for b in bad for r in right]
    assert found.auroc == pytest.approx(np.mean(pairs))
    assert (found.right, found.wrong) == (4, 3)


def test_nothing_to_tell_apart() -> None:
    for wrong in (np.zeros(3, bool), np.ones(3, bool)):
        with pytest.raises(DataError, match="all 3 predictions are"):
            separation(np.zeros(3), wrong)
    with pytest.raises(DataError, match="rates of the shape"):
        separation(np.zeros(3), np.ones(2, bool))


def test_operators_side_by_side() -> None:
    model = network("plain").eval()
    with torch.no_grad():
        labels = model(X).argmax(1)
    labels[::3] = (labels[::3] + 1) % 4
    sets = {
        operator: mutants(
            model, operator=operator, rate=0.1, n=6, keep_above=0.4, inputs=X, labels=labels,
            engine="module",
        )
        for operator in ("NAI", "GF")
    }  # fmt: skip
    found = compare_operators(model, sets, X, labels)
    assert found.wrong.tolist() == [row % 3 == 0 for row in range(30)]
    for name, made in sets.items():
        rates = label_change_rate(model, made, X, engine="module").numpy()
        np.testing.assert_allclose(found.votes[name].mean(0), rates)
        assert found.separations[name] == separation(rates, found.wrong)
    table = found.table()
    assert table.index.tolist() == ["NAI", "GF"]
    assert table.loc[found.best, "auroc"] == table["auroc"].max()
    assert table["mutants"].tolist() == [6, 6]

    curve = auroc_by_count(found.votes["NAI"], found.wrong, draws=3)
    assert curve.counts[-1] == 6
    assert curve.auroc[-1].tolist() == [found.separations["NAI"].auroc] * 3
    assert curve.auroc.shape == (len(curve.counts), 3)
    assert (curve.auroc == auroc_by_count(found.votes["NAI"], found.wrong, draws=3).auroc).all()

    figure = pictures.operators(found, title="x_1 and $y")
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["NAI", "GF"]
    figure.canvas.draw()
    drawn = pictures.by_count({"NAI": curve}).axes[0].lines[0]
    np.testing.assert_allclose(np.asarray(drawn.get_ydata()), curve.auroc.mean(1))


def test_a_picture_of_the_sequential_test() -> None:
    figure = pictures.sequential(SequentialTest(0.1, 0.3, truncation=40), title="SPRT")
    called = np.asarray(figure.axes[0].lines[0].get_ydata())
    assert called[0] == pytest.approx(0)
    assert called[-1] == pytest.approx(1)
    assert (np.diff(called) > -1e-12).all()


def test_what_cannot_be_compared() -> None:
    model = network("plain")
    with pytest.raises(DomainError, match="no sets of mutants to compare"):
        compare_operators(model, {}, X, np.zeros(30, int))
    with pytest.raises(DomainError, match="no sets of mutants to draw"):
        pictures.by_count({})
    with pytest.raises(DomainError, match="expected numbers from 1 to 2"):
        auroc_by_count(np.zeros((2, 3), bool), np.array([0, 1, 0], bool), [3])
    with pytest.raises(DataError, match="votes of the shape"):
        auroc_by_count(np.zeros((2, 3), bool), np.array([0, 1], bool))
