"""Attacks on explanations by small changes of the input."""

from __future__ import annotations

from torch import Tensor

from affidavit.certify.attacks.aim import Aim
from affidavit.certify.attacks.found import Found
from affidavit.certify.attacks.search import Progress, attack
from affidavit.certify.bounds import Model
from affidavit.certify.boxes import Range, Size


def attack_inputs(
    model: Model,
    x: Tensor,
    aim: Aim,
    *,
    epsilon: Size,
    data_range: Range | None = None,
    steps: int = 50,
    restarts: int = 4,
    beta: float = 1.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Found:
    """Looks near each input for one whose explanation is what an adversary wants.

    Descent goes through a surrogate with all kinks rounded off, since the gradient of a ReLU
    network has no slope; each iterate is scored on the network itself (ReLU′(0) = 0), and the best
    is kept.

    Args:
        model: the network. It is left as it was.
        x: inputs, [batch, *input_shape], float32 or float64: the dtype of the evaluation.
        aim: which explanation, and what is wanted of it.
        epsilon: the inputs found are in `[x − ε, x + ε]`, in real numbers: a number, or a tensor
            that broadcasts to x.
        data_range: least and greatest value of the features; what is found lies within.
        steps: steps of descent from each start.
        restarts: starts, the first at x.
        beta: sharpness of the surrogate, a factor on what is measured to fit.
        seed: the same seed gives the same result. What is random is the same for all inputs: up
            to rounding, none depends on the rest of the batch.
        progress: called with the evaluations done and those there are.

    Returns:
        The best for each input, at worst x itself.

    Raises:
        DomainError: boxes, targets, goals or counts that have no meaning.
        ModelError: the attribution gives no tensor of the shape of x.

    Guarantee: what is found is a counterexample (`exact`, as the network is evaluated); what is
    not found may be there all the same (`empirical`). Source: Dombrowski et al. 2019, within a
    box; Wicker et al. 2022, section 3.1.
    """
    adversary = aim.adversary(model, x, epsilon=epsilon, data_range=data_range)
    return attack(
        adversary, steps=steps, restarts=restarts, beta=beta, seed=seed, progress=progress
    )
