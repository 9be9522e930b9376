"""Adam."""

import torch


class Adam(torch.optim.Adam):
    """m̂ and v̂ are bias-corrected means of the gradient and of its square: w ← w − lr·m̂/(√v̂ + eps).

    Weight decay λ is added to the gradient: g + λw. Arguments and state are torch's.
    """
