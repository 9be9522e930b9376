"""A penalty with a schedule of its own, as a plugin: the distance of J from c on its diagonal."""

import torch

from jhrun.linalg import DenseOperator, Operator
from jhrun.penalties import Forward, Jacobian, Penalty


class Levelled(Penalty):
    """A = J − c·E."""

    frame = "outputs"

    def __init__(self, level: float) -> None:
        self.level = level

    def operator(self, forward: Forward) -> Operator:
        x, outputs = forward.inputs, forward.outputs
        target = self.level * torch.eye(outputs.shape[1], x[0].numel(), dtype=x.dtype, device=x.device)
        return Jacobian().operator(forward) - DenseOperator(target.expand(len(x), -1, -1))
