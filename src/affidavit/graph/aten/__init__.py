"""Conversions from functional ATen ops to the closed op set, one short function a family.

Importing a module of this package registers its conversions.
"""

from affidavit.graph.aten import activations, affine, movement, windows
from affidavit.graph.aten.call import CONVERSIONS, Call

__all__ = ["CONVERSIONS", "Call", "activations", "affine", "movement", "windows"]
