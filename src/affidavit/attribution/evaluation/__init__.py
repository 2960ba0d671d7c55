"""What attributions are worth: pure measures, image by image, and comparisons on top of them."""

from affidavit.attribution.evaluation.comparison import Estimate, Paired, bootstrap, compare, table
from affidavit.attribution.evaluation.cost import Cost, cost, peak_memory
from affidavit.attribution.evaluation.curves import (
    Curve,
    curve,
    deletion,
    insertion,
    kept_prediction,
)
from affidavit.attribution.evaluation.infidelity import infidelity
from affidavit.attribution.evaluation.localization import box_mask, energy_inside, pointing_game
from affidavit.attribution.evaluation.measures import Measures
from affidavit.attribution.evaluation.randomization import Randomization, randomization
from affidavit.attribution.evaluation.ranking import ranks
from affidavit.attribution.evaluation.sensitivity import max_sensitivity
from affidavit.attribution.evaluation.similarity import rank_correlation, structural_similarity
from affidavit.attribution.evaluation.sparseness import gini, mask_area
from affidavit.attribution.evaluation.survey import Method, Record, columns, read, survey
from affidavit.attribution.evaluation.texts import token_curve

__all__ = [
    "Cost",
    "Curve",
    "Estimate",
    "Measures",
    "Method",
    "Paired",
    "Randomization",
    "Record",
    "bootstrap",
    "box_mask",
    "columns",
    "compare",
    "cost",
    "curve",
    "deletion",
    "energy_inside",
    "gini",
    "infidelity",
    "insertion",
    "kept_prediction",
    "mask_area",
    "max_sensitivity",
    "peak_memory",
    "pointing_game",
    "randomization",
    "rank_correlation",
    "ranks",
    "read",
    "structural_similarity",
    "survey",
    "table",
    "token_curve",
]
