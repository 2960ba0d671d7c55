"""Which ops each method has a rule for, of all methods of the package."""

from __future__ import annotations

from affidavit.certify import backward
from affidavit.graph import table
from affidavit.regions import switches

METHODS: table.Methods = {
    **table.METHODS,
    "regions": {**dict.fromkeys(switches.AFFINE, "affine"), **switches.RULES},
    "certify": backward.RULES,
}
"""Each method's map from op to rule."""
