"""Quadratic discriminant analysis against the densities of two Gaussians."""

from __future__ import annotations

import numpy as np
from scipy.stats import multivariate_normal
from sklearn.covariance import LedoitWolf
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

from affidavit.misclassification.heads import QuadraticDiscriminant


def test_the_log_odds_of_two_gaussians() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(90, 3)) @ draw.normal(size=(3, 3))
    wrong = np.arange(90) < 20
    x[wrong] *= 2
    made = QuadraticDiscriminant()
    z = (x - x.mean(0)) / x.std(0)
    densities = [
        multivariate_normal(rows.mean(0), LedoitWolf().fit(rows).covariance_).logpdf(z)
        + np.log(len(rows) / 90)
        for rows in (z[~wrong], z[wrong])
    ]
    found = made.score(made.fit(x, wrong, 0), x)
    np.testing.assert_allclose(found, densities[1] - densities[0], atol=1e-3)


def test_with_many_inputs_it_is_that_of_scikit_learn() -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(4000, 2)) @ np.array([[1.0, 0.8], [0.0, 0.3]])
    wrong = x[:, 0] + 0.3 * draw.normal(size=4000) > 1
    made = QuadraticDiscriminant()
    found = made.score(made.fit(x, wrong, 0), x)
    theirs = QuadraticDiscriminantAnalysis().fit(x, wrong).decision_function(x)
    assert np.corrcoef(found, theirs)[0, 1] > 0.999
