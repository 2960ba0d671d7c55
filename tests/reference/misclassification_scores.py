"""Scores of doubt straight from their definitions: one input at a time, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Sequence

Row = Sequence[float]


def softmax(z: Row, temperature: float = 1.0) -> list[float]:
    powers = [math.exp((one - max(z)) / temperature) for one in z]
    return [one / sum(powers) for one in powers]


def max_softmax(z: Row) -> float:
    return 1 - max(softmax(z))


def entropy(p: Row) -> float:
    return -sum(one * math.log(one) for one in p if one > 0)


def margin(z: Row) -> float:
    first, second = sorted(softmax(z))[::-1][:2]
    return 1 - (first - second)


def energy(z: Row, temperature: float) -> float:
    return -temperature * math.log(sum(math.exp(one / temperature) for one in z))


def max_logit_p_norm(z: Row, p: float) -> float:
    mean = sum(z) / len(z)
    centred = [one - mean for one in z]
    norm: float = sum(abs(one) ** p for one in centred) ** (1 / p)
    return -max(centred) / norm


def doctor_alpha(z: Row, temperature: float) -> float:
    agree = sum(one**2 for one in softmax(z, temperature))
    return (1 - agree) / agree


def doctor_beta(z: Row, temperature: float) -> float:
    wrong = 1 - max(softmax(z, temperature))
    return wrong / (1 - wrong)


def cross_entropy(rows: Sequence[Row], labels: Sequence[int], temperature: float) -> float:
    losses = [
        -math.log(softmax(z, temperature)[label]) for z, label in zip(rows, labels, strict=True)
    ]
    return sum(losses) / len(losses)


def risk_coverage_area(scores: Row, wrong: Sequence[bool]) -> float:
    """Mean over k of the share of wrong predictions among the k with the smallest scores."""
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    shares = [sum(wrong[i] for i in order[: k + 1]) / (k + 1) for k in range(len(order))]
    return sum(shares) / len(shares)


def mean_of(members: Sequence[Row]) -> list[float]:
    return [sum(column) / len(members) for column in zip(*members, strict=True)]


def variation(members: Sequence[Row], predicted: int) -> float:
    return sum(list(p).index(max(p)) != predicted for p in members) / len(members)


def disagreement(members: Sequence[Row]) -> float:
    return entropy(mean_of(members)) - sum(entropy(p) for p in members) / len(members)


def distance(a: Row, b: Row) -> float:
    return math.sqrt(sum((one - other) ** 2 for one, other in zip(a, b, strict=True)))


def unit(a: Row) -> list[float]:
    length = math.sqrt(sum(one**2 for one in a))
    return [one / length for one in a]


def kth(x: Row, known: Sequence[Row], k: int) -> float:
    return sorted(distance(x, one) for one in known)[:k][-1]


def neighbours(x: Row, known: Sequence[Row], k: int) -> float:
    return kth(unit(x), [unit(one) for one in known], k)


def high_density(rows: Sequence[Row], k: int, alpha: float) -> list[Row]:
    """The rows but for the share alpha that is farthest from its k-th nearest other row."""
    radius = [
        kth(x, [other for j, other in enumerate(rows) if j != i], k) for i, x in enumerate(rows)
    ]
    order = sorted(range(len(rows)), key=lambda i: radius[i])
    return [rows[i] for i in sorted(order[: len(rows) - int(alpha * len(rows))])]


def trust(
    x: Row, predicted: int, known: Sequence[Row], labels: Sequence[int], k: int, alpha: float
) -> float:
    """Distance to the nearest class but the predicted one over that to the predicted one."""
    to = {
        of: min(
            distance(x, one)
            for one in high_density(
                [row for row, label in zip(known, labels, strict=True) if label == of], k, alpha
            )
        )
        for of in set(labels)
    }
    return min(far for of, far in to.items() if of != predicted) / to[predicted]
