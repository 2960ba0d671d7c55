"""The least of an entry of the gradient of a network of two hidden layers, by a linear program.

Written out from McCormick's inequalities: gates s1, s2 in their intervals, `a = W2ᵀ (s2 ⊙ w)`, and
`p = s1 ⊙ a` between its four planes; the gradient is `W1ᵀ p`. One program an entry, by HiGHS.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

Array = NDArray[np.float64]


def least_gradient(
    first: Array, second: Array, row: Array, gates: list[tuple[Array, Array]], entry: int
) -> float:
    """The least value of one entry.

    Args:
        first, second: weights of the hidden layers, [neuron, input] and [neuron, neuron].
        row: weights of the output.
        gates: bounds of the derivatives of each layer, 0 or 1.
        entry: which entry of the gradient.
    """
    (l1, u1), (l2, u2) = gates
    n, k = len(l1), len(l2)
    inner = second * row[:, None]  # a = innerᵀ s2
    low = np.minimum(inner * l2[:, None], inner * u2[:, None]).sum(0)
    high = np.maximum(inner * l2[:, None], inner * u2[:, None]).sum(0)
    # Variables: s1 (n), s2 (k), p (n).
    rows, bounds = [], []
    for j in range(n):
        for s, a, sign in ((l1, low, 1), (u1, high, 1), (u1, low, -1), (l1, high, -1)):
            # sign (p − s a_j − a s1_j + s a) >= 0
            line = np.zeros(n + k + n)
            line[j] = sign * a[j]
            line[n : n + k] = sign * s[j] * inner[:, j]
            line[n + k + j] = -sign
            rows.append(line)
            bounds.append(sign * s[j] * a[j])
    cost = np.zeros(n + k + n)
    cost[n + k :] = first[:, entry]
    limits = [*zip(l1, u1, strict=True), *zip(l2, u2, strict=True), *[(None, None)] * n]
    answer = linprog(cost, A_ub=np.array(rows), b_ub=np.array(bounds), bounds=limits)
    assert answer.fun is not None, answer.message
    return float(answer.fun)
