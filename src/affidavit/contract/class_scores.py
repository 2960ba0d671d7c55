"""The audited model as one that gives a score to every class."""

from __future__ import annotations

import copy

from torch import nn

from affidavit.attribution.classifier import Classifier, Preprocessing
from affidavit.attribution.two_classes import TwoClasses, two_classes
from affidavit.contract.context import Context
from affidavit.contract.decisions import single_output
from affidavit.contract.explaining import channels_last
from affidavit.contract.outputs import output_count
from affidavit.graph import Graph


def class_scores(context: Context) -> nn.Module | Graph:
    """The model, its single output made scores of both classes: -z/2 and z/2 of the logit z.

    A graph wherever the logit is one of its values, so that its layers keep their names.

    Raises ContractError where nobody says what the single output is.
    """
    graph = context.graph.to(device=context.device)
    if output_count(context) != 1:
        return graph
    return two_classes(graph, single_output(context)[1] == "probability")


def module_scores(context: Context) -> nn.Module | None:
    """The module that the graph was made of, likewise, and its preprocessing; None without one."""
    module, steps = context.module, context.preprocessing
    images = context.dataset.inputs.ndim == 4
    if module is None or (steps is not None and images and channels_last(context)):
        return None
    module = copy.deepcopy(module).to(context.device)
    if output_count(context) == 1:
        module = TwoClasses(module, single_output(context)[1] == "probability")
    if steps is None:
        return module
    channels = context.dataset.inputs.shape[1]
    mean, std = (v * channels if len(v) == 1 else v for v in (steps.mean, steps.std))
    lower, upper = float(context.dataset.lower.min()), float(context.dataset.upper.max())
    return Classifier(module, Preprocessing(mean, std), (lower, upper))
