"""Adam with decoupled weight decay."""

import torch


class AdamW(torch.optim.AdamW):
    """w ← (1 − lr·λ)·w for the weight decay λ, then Adam's step of the gradient alone.

    Arguments and state are torch's.
    """
