"""Training many networks at once: what they are, how they are trained, and how it goes on."""

from affidavit.initialization.training.ongoing import Training
from affidavit.initialization.training.structures import Dense, SmallCNN
from affidavit.initialization.training.trainer import Trainer

__all__ = ["Dense", "SmallCNN", "Trainer", "Training"]
