"""Attacks on explanations by small changes of the input."""

from __future__ import annotations

from torch import Tensor

from affidavit.certify.attacks.adversary import Attribution
from affidavit.certify.attacks.found import Found
from affidavit.certify.attacks.objective import Metric, Objective
from affidavit.certify.attacks.room import input_room
from affidavit.certify.attacks.search import Progress, attack, describe
from affidavit.certify.bounds import Model
from affidavit.certify.boxes import Range, Size
from affidavit.certify.target import Loss, Target


def attack_inputs(
    model: Model,
    x: Tensor,
    *,
    epsilon: Size,
    data_range: Range | None = None,
    target: Target = None,
    loss: Loss = "logit",
    goal: Tensor | None = None,
    tau: float | None = None,
    metric: Metric = "mse",
    objective: Objective | None = None,
    attribution: Attribution | None = None,
    steps: int = 50,
    restarts: int = 4,
    beta: float = 1.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Found:
    """Looks near each input for one whose explanation is what an adversary wants.

    The explanation is the gradient by the input. Towards a goal the attack succeeds where
    `h(goal, v) <= τ`; without one, where `h(v₀, v) > τ`, v₀ being the explanation at x. With the
    metric `cosine`: where it is at least, or below, τ. Descent goes through a surrogate with all
    kinks rounded off, since the gradient of a ReLU network has no slope; each iterate is scored
    on the network itself (ReLU′(0) = 0), and the best is kept.

    Args:
        model: the network. It is left as it was.
        x: inputs, [batch, *input_shape], float32 or float64: the dtype of the evaluation.
        epsilon: the inputs found are in `[x − ε, x + ε]`, in real numbers: a number, or a tensor
            that broadcasts to x.
        data_range: least and greatest value of the features; what is found lies within.
        target, loss: what the gradient is of, as of :func:`affidavit.certify.gradient_bounds`.
            The class predicted at x is kept as the target throughout.
        goal: the explanation that is wanted, of the shape of x or of one input; None to get as far
            as possible from v₀.
        tau: the threshold τ.
        metric: h: `mse`, the mean of squared differences, or `cosine`, the cosine of the angle.
        objective: another aim in place of goal, tau and metric: see
            :class:`affidavit.certify.attacks.Top`.
        attribution: what explains in place of the gradient: `(module, x, target) -> Tensor` of
            the shape of x, the module giving logits; see
            :func:`affidavit.certify.attacks.from_captum`. Inputs must not affect each other.
            One without a derivative is searched without.
        steps: steps of descent from each start.
        restarts: starts, the first at x.
        beta: sharpness of the surrogate, a factor on what is measured to fit.
        seed: the same seed gives the same result. What is random is the same for all inputs: up
            to rounding, none depends on the rest of the batch.
        progress: called with the evaluations done and those there are.

    Returns:
        The best for each input, at worst x itself.

    Raises:
        DomainError: boxes, targets, goals, thresholds or counts that have no meaning.
        ModelError: the attribution gives no tensor of the shape of x.

    Guarantee: what is found is a counterexample (`exact`, as the network is evaluated); what is
    not found may be there all the same (`empirical`). Source: Dombrowski et al. 2019, within a
    box; Wicker et al. 2022, section 3.1.
    """
    described = describe(
        model,
        x,
        lambda graph: {graph.input: input_room(x.detach(), epsilon, data_range)},
        target=target,
        loss=loss,
        goal=goal,
        tau=tau,
        metric=metric,
        attribution=attribution,
        objective=objective,
    )
    return attack(
        described, steps=steps, restarts=restarts, beta=beta, seed=seed, progress=progress
    )
