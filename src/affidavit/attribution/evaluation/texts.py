"""Deletion and insertion of the tokens of texts, each text over its own length."""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.attribution.batches import BATCH_SIZE
from affidavit.attribution.evaluation.curves import Curve, Direction, curve, equal_shares
from affidavit.attribution.evaluation.inputs import check_attribution
from affidavit.attribution.reference import HIDDEN
from affidavit.attribution.targets import Target, classes
from affidavit.attribution.tokens import TextClassifier
from affidavit.errors import DataError


def token_curve(
    text: TextClassifier,
    ids: Tensor,
    target: Target,
    attribution: Tensor,
    direction: Direction,
    *,
    steps: int = 50,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
) -> Curve:
    """A deletion or an insertion of tokens, which the classifier's stand-in hides.

    Args:
        text: the classifier.
        ids: [batch, token].
        target: classes; left out, the predicted ones.
        attribution: [batch, token]; what it says of padding does not count.
        direction: `deletion` or `insertion`.
        steps, batch_size, seed: as of :func:`deletion`.

    Raises as :func:`deletion` and :meth:`TextClassifier.groups`.

    Guarantee: `empirical`.
    """
    check_attribution(attribution, axes=1)
    if attribution.shape != ids.shape:
        raise DataError(
            f"the ids have the shape {list(ids.shape)}, the attribution"
            f" {list(attribution.shape)}; expected the same"
        )
    groups = list(text.groups(ids))
    shares = equal_shares(steps)
    probability = attribution.new_empty(len(ids), len(shares))
    kept = torch.empty(probability.shape, dtype=torch.bool, device=ids.device)
    chosen = classes(target, text.scores(ids)) if groups else ids.new_empty(0)
    for group in groups:
        part = curve(
            group.classifier,
            group.inputs,
            chosen[group.texts],
            attribution[group.texts][:, group.positions],
            shares,
            direction,
            fill=HIDDEN,
            batch_size=batch_size,
            seed=seed,
        )
        probability[group.texts] = part.probability.to(probability)
        kept[group.texts] = part.kept
    return Curve(probability.new_tensor(shares), probability, kept)
