"""Attacks behind one callable: (model, inputs, targets, seed) → adversarial inputs, in the ball and in [0, 1]."""

from jhrun.attacks.apgd import APGD, APGDTargeted
from jhrun.attacks.attack import Adversarial, Attack
from jhrun.attacks.autoattack import AutoAttack
from jhrun.attacks.cw import CW
from jhrun.attacks.deepfool import DeepFool
from jhrun.attacks.fab import FAB
from jhrun.attacks.fgsm import FGSM
from jhrun.attacks.noise import GaussianNoise, UniformNoise
from jhrun.attacks.pgd import PGD, PGDL2
from jhrun.attacks.spsa import SPSA
from jhrun.attacks.square import Square
from jhrun.attacks.watched import Watched

__all__ = [
    "APGD",
    "CW",
    "FAB",
    "FGSM",
    "PGD",
    "PGDL2",
    "SPSA",
    "APGDTargeted",
    "Adversarial",
    "Attack",
    "AutoAttack",
    "DeepFool",
    "GaussianNoise",
    "Square",
    "UniformNoise",
    "Watched",
]
