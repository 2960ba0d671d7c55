"""Training networks whose explanations can be certified, and the baselines to compare them with."""

from affidavit.certify.training.adversarial import AdversarialLoss
from affidavit.certify.training.certified import GradientCertifiedLoss
from affidavit.certify.training.fitting import accuracy, fit
from affidavit.certify.training.hessian import HessianNormLoss, with_softplus
from affidavit.certify.training.history import Epoch, History
from affidavit.certify.training.objective import Objective, StandardLoss, Terms
from affidavit.certify.training.regularized import GradientRegularizedLoss
from affidavit.certify.training.schedules import Constant, Ramp

__all__ = [
    "AdversarialLoss",
    "Constant",
    "Epoch",
    "GradientCertifiedLoss",
    "GradientRegularizedLoss",
    "HessianNormLoss",
    "History",
    "Objective",
    "Ramp",
    "StandardLoss",
    "Terms",
    "accuracy",
    "fit",
    "with_softplus",
]
