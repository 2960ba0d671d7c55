"""Attacks: what an adversary can do for certain, against which certificates are held."""

from affidavit.certify.attacks.aim import Aim
from affidavit.certify.attacks.captum_attribution import from_captum
from affidavit.certify.attacks.found import Found
from affidavit.certify.attacks.inputs import attack_inputs
from affidavit.certify.attacks.objective import Likeness, Objective, Top
from affidavit.certify.attacks.prediction import Misled, attack_predictions
from affidavit.certify.attacks.random_search import random_search
from affidavit.certify.attacks.weights import attack_weights

__all__ = [
    "Aim",
    "Found",
    "Likeness",
    "Misled",
    "Objective",
    "Top",
    "attack_inputs",
    "attack_predictions",
    "attack_weights",
    "from_captum",
    "random_search",
]
