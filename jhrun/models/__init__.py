"""Networks from images in [0, 1] to logits. Normalisation is their first layer, so ε is in pixel units."""

from jhrun.models.adapt import Adapted, adapt
from jhrun.models.cnn import CNN
from jhrun.models.mlp import MLP
from jhrun.models.resnet import ResNet, resnet18, wrn28_10

__all__ = ["CNN", "MLP", "Adapted", "ResNet", "adapt", "resnet18", "wrn28_10"]
