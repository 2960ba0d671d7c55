"""Certified explanations: bounds on gradients and outputs that no adversary can leave."""

from affidavit.certify.bisection import largest_certified
from affidavit.certify.bounds import gradient_bounds, margin_bounds, output_bounds
from affidavit.certify.certificates import Certificate, fragility, targeted, untargeted
from affidavit.certify.explanation_properties import OutsideTop, Targeted, Untargeted, explanations
from affidavit.certify.goals import corner_masks
from affidavit.certify.properties import Prediction, Threat
from affidavit.certify.ranks import inside_top, outside_top
from affidavit.certify.reach import Reach, largest_sizes
from affidavit.certify.surveying import Survey, survey
from affidavit.certify.training import GradientCertifiedLoss

__all__ = [
    "Certificate",
    "GradientCertifiedLoss",
    "OutsideTop",
    "Prediction",
    "Reach",
    "Survey",
    "Targeted",
    "Threat",
    "Untargeted",
    "corner_masks",
    "explanations",
    "fragility",
    "gradient_bounds",
    "inside_top",
    "largest_certified",
    "largest_sizes",
    "margin_bounds",
    "output_bounds",
    "outside_top",
    "survey",
    "targeted",
    "untargeted",
]
