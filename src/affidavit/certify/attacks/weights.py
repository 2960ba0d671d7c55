"""Attacks on explanations by small changes of the weights."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from affidavit.certify.attacks.aim import Aim
from affidavit.certify.attacks.found import Found
from affidavit.certify.attacks.search import Progress, attack
from affidavit.certify.bounds import Model


def attack_weights(
    model: Model,
    x: Tensor,
    aim: Aim,
    *,
    gamma: float | Mapping[str, float],
    steps: int = 50,
    restarts: int = 4,
    beta: float = 1.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Found:
    """Looks near the weights, for each input alone, for a network that explains it as wanted.

    Each input of the batch gets its own weights. They have the dtype of x, and are within
    `[W − γ|W|, W + γ|W|]` in real numbers, biases and batch-norm scales among them; a box too
    narrow to hold another number of that dtype holds W alone.

    Args:
        gamma: relative size of the changes, of all parameters or by the parameter's name (those
            not named keep their value).

    Other arguments, results, errors and the guarantee as of
    :func:`affidavit.certify.attacks.attack_inputs`; the class predicted at x by the model as it
    is stays the target. Source: a local form of Heo et al. 2019; Wicker et al. 2022, section 6.
    """
    adversary = aim.adversary(model, x, gamma=gamma)
    return attack(
        adversary, steps=steps, restarts=restarts, beta=beta, seed=seed, progress=progress
    )
