"""Algorithm 1 and adaptive simulated annealing, written out as loops over trainings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np


def walk(
    accuracy_of: Callable[[list[np.ndarray]], float],
    weights: list[np.ndarray],
    deltas: Sequence[float],
    max_trial: int,
    max_gain: float = math.inf,
) -> list[float]:
    """Accuracies of the first training and of every trial of Algorithm 1, in order.

    With the corrections: each delta has its own count and starts from the first weights, the first
    training is done once, and a trial is made only while fewer than max_trial are.
    """
    first = accuracy_of(weights)
    found = [first]
    gain = 0.0
    for delta in deltas:
        moved = [value.copy() for value in weights]
        trial = 0
        while trial < max_trial and gain < max_gain:
            # t steps in one: adding them up would round t times.
            trial += 1
            moved = [value + np.float32(trial * delta) for value in weights]
            found.append(accuracy_of(moved))
            gain = max(gain, found[-1] - first)
    return found


def anneal(
    cost_of: Callable[[np.ndarray], float],
    size: int,
    seed: tuple[int, ...],
    count: int,
    *,
    reach: float,
    steps: int,
    coldest: float,
    reanneal: int,
) -> list[np.ndarray]:
    """States that Ingber's annealing draws from the origin of [-reach, reach]^size.

    The n-th state draws from generators seeded by (seed, n, 0), its acceptance by (seed, n, 1).
    """
    m = -math.log(coldest)
    n = math.log(steps)
    c = m * math.exp(-n / size)
    at, at_cost = np.zeros(size), cost_of(np.zeros(size))
    hottest = at_cost
    visited, costs = [at], [at_cost]
    generated = [0.0] * size
    accepted, accepted_age = 0, 0.0
    for number in range(1, count + 1):
        draws = np.random.default_rng((*seed, number, 0))
        state = np.zeros(size)
        for i in range(size):
            temperature = math.exp(-c * generated[i] ** (1 / size))
            while True:
                u = draws.random()
                y = math.copysign(1, u - 0.5) * temperature
                y *= (1 + 1 / temperature) ** abs(2 * u - 1) - 1
                state[i] = at[i] + y * (reach - -reach)
                if -reach <= state[i] <= reach:
                    break
        cost = cost_of(state)
        visited.append(state)
        costs.append(cost)
        generated = [k + 1 for k in generated]
        temperature = hottest * math.exp(-c * accepted_age ** (1 / size))
        chance = 1.0 if cost <= at_cost else 0.0
        if cost > at_cost and temperature > 0:
            chance = math.exp(-(cost - at_cost) / temperature)
        if np.random.default_rng((*seed, number, 1)).random() >= chance:
            continue
        at, at_cost = state, cost
        accepted += 1
        accepted_age += 1
        if accepted % reanneal:
            continue
        finite = [place for place, value in enumerate(costs) if math.isfinite(value)]
        design = np.array([[*visited[place], 1.0] for place in finite])
        slopes = np.abs((np.linalg.pinv(design) @ np.array([costs[p] for p in finite]))[:size])
        if slopes.max() > 0:
            for i in range(size):
                temperature = math.exp(-c * generated[i] ** (1 / size))
                raised = temperature * slopes.max() / max(slopes[i], slopes.max() * coldest)
                generated[i] = (max(-math.log(raised), 0.0) / c) ** size
        if hottest > 0:
            wanted = min(max(at_cost - min(costs), coldest * hottest), hottest)
            accepted_age = (math.log(hottest / wanted) / c) ** size
    return visited[1:]
