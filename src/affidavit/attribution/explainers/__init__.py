"""Explainers of images through one interface: `(classifier, pixels, target) -> attribution`.

Each is a frozen dataclass whose fields are its options, and is made by name from
:data:`EXPLAINERS`: `EXPLAINERS["rise"](masks=8000)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from affidavit.attribution.explainers.controls import Centre, Edges, Random
from affidavit.attribution.explainers.explainer import Explainer, Explains
from affidavit.attribution.explainers.grad_cam import GradCAM
from affidavit.attribution.explainers.gradients import IntegratedGradients, Saliency, SmoothGrad
from affidavit.attribution.explainers.guided_backprop import GuidedBackprop
from affidavit.attribution.explainers.learned_mask import LearnedMask
from affidavit.attribution.explainers.lime import LIME
from affidavit.attribution.explainers.lrp import LRPEpsilon
from affidavit.attribution.explainers.occlusion import Occlusion
from affidavit.attribution.explainers.rise import RISE

EXPLAINERS: Mapping[str, type[Explainer]] = MappingProxyType(
    {
        "neuromask": LearnedMask,
        "saliency": Saliency,
        "smoothgrad": SmoothGrad,
        "grad_cam": GradCAM,
        "guided_backprop": GuidedBackprop,
        "integrated_gradients": IntegratedGradients,
        "lime": LIME,
        "lrp_epsilon": LRPEpsilon,
        "rise": RISE,
        "occlusion": Occlusion,
        "random": Random,
        "centre": Centre,
        "edges": Edges,
    }
)
"""Every explainer by name."""

CONTROLS = ("random", "centre", "edges")
"""Those that know nothing of the model."""

__all__ = [
    "CONTROLS",
    "EXPLAINERS",
    "LIME",
    "RISE",
    "Centre",
    "Edges",
    "Explainer",
    "Explains",
    "GradCAM",
    "GuidedBackprop",
    "IntegratedGradients",
    "LRPEpsilon",
    "LearnedMask",
    "Occlusion",
    "Random",
    "Saliency",
    "SmoothGrad",
]
