"""Conversions from ONNX operators to the closed op set, one short function a family.

Importing a module of this package registers its conversions.
"""

from affidavit.graph.onnx import activations, affine, movement, windows
from affidavit.graph.onnx.call import CONVERSIONS, Call, Comparison, Constant
from affidavit.graph.onnx.constants import FOLDABLE, fold

__all__ = [
    "CONVERSIONS",
    "FOLDABLE",
    "Call",
    "Comparison",
    "Constant",
    "activations",
    "affine",
    "fold",
    "movement",
    "windows",
]
