"""The optimizers, as torch has them: ``optimizer.lr`` is set anew at every step by its schedule."""

from torch.optim import SGD, Adam, AdamW

__all__ = ["SGD", "Adam", "AdamW"]
