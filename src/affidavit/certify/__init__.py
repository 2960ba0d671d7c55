"""Certified explanations: bounds on gradients and outputs that no adversary can leave."""

from affidavit.certify.bisection import largest_certified
from affidavit.certify.bounds import gradient_bounds, margin_bounds, output_bounds
from affidavit.certify.certificates import Certificate, fragility, targeted, untargeted
from affidavit.certify.ranks import inside_top, outside_top
from affidavit.certify.training import GradientCertifiedLoss

__all__ = [
    "Certificate",
    "GradientCertifiedLoss",
    "fragility",
    "gradient_bounds",
    "inside_top",
    "largest_certified",
    "margin_bounds",
    "output_bounds",
    "outside_top",
    "targeted",
    "untargeted",
]
