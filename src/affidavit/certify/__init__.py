"""Certified explanations: bounds on gradients and outputs that no adversary can leave."""

from affidavit.certify.bounds import gradient_bounds, margin_bounds, output_bounds

__all__ = ["gradient_bounds", "margin_bounds", "output_bounds"]
