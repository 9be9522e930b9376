"""Stochastic gradient descent."""

import torch


class SGD(torch.optim.SGD):
    """b ← μb + g; w ← w − lr·b, or w − lr·(g + μb) with Nesterov's momentum.

    μ is the momentum, and g the gradient with the weight decay's λw added. Arguments and state are torch's.
    """
