"""Rows of a part, each with a box around it: certified and attacked."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from affidavit.certify.progress import shown
from affidavit.certify.properties import Prediction, Property, Threat
from affidavit.certify.surveying import Chosen, Survey, survey
from affidavit.contract.context import Context
from affidavit.contract.decisions import classes_of_outputs, decisions, single_output
from affidavit.contract.outputs import output_count
from affidavit.contract.sampling import Rows
from affidavit.contract.scaling import Units
from affidavit.errors import DataError


def predictions_of(context: Context, on: str, rows: Rows) -> Prediction:
    """That these rows of a part are predicted rightly.

    Raises:
        DataError, ContractError: the data or the model have no classes, or nobody says what a
            single output is.
    """
    decisions(context, on)
    count = output_count(context)
    output_of = np.argsort(classes_of_outputs(context, max(count, 2)))
    labels = context.part(on).labels[rows].astype(np.int64)
    level = single_output(context)[0] if count == 1 else None
    return Prediction(torch.from_numpy(output_of[labels]), level)


def survey_rows(
    context: Context,
    units: Units,
    x: NDArray[np.float64],
    wanted: Property,
    *,
    epsilon: float,
    gamma: float,
    beyond_data: bool = False,
    method: Chosen = "auto",
    attack: bool = True,
    seconds: float = math.inf,
    name: str = "",
) -> Survey:
    """Certifies and attacks inputs, see :func:`affidavit.certify.survey`.

    Args:
        units: of the inputs, of epsilon, and of explanations.
        x: inputs in these units, [input, *input_shape].
        beyond_data: whether boxes may leave the data's range.
        name: of the progress bar.

    Raises:
        DataError: inputs outside of the data's range, to which boxes would be clipped.
    """
    if not beyond_data:
        outside = ((x < units.lower) | (x > units.upper)).reshape(len(x), -1).any(1)
        if outside.any():
            raise DataError(
                f"{int(outside.sum())} of the {len(x)} rows leave the data's range, to which boxes"
                " are clipped: say beyond_data = true (--beyond-data) if they are meant"
            )
    ends = [torch.from_numpy(end).to(context.device) for end in (units.lower, units.upper)]
    with shown(context.progress, name) as progress:
        return survey(
            units.graph.to(device=context.device),
            torch.from_numpy(x).to(context.device),
            wanted,
            Threat(epsilon, gamma, None if beyond_data else (ends[0], ends[1])),
            method=method,
            attack=attack,
            batch_size=context.batch_size,
            seconds=seconds,
            seed=context.seed % 2**63,
            progress=progress,
        )
