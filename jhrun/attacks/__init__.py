"""Attacks behind one callable: (model, inputs, targets, seed) → adversarial inputs, in the ball and in [0, 1]."""

from jhrun.attacks.attack import Attack
from jhrun.attacks.fgsm import FGSM
from jhrun.attacks.pgd import PGD

__all__ = ["FGSM", "PGD", "Attack"]
