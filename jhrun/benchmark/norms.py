"""The matrices of a penalty, and how large they are: the measure that each direction is held against."""

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.autodiff import twice_differentiable
from jhrun.evaluation.eigenvalue import top_eigenvalue
from jhrun.linalg import Exact, Operator
from jhrun.linalg.solver import unit_start
from jhrun.objectives import Objective
from jhrun.penalties import Penalty
from jhrun.penalties.penalty import Forward
from jhrun.records import Batch


def spectral_norms(model: nn.Module, objective: Objective, penalty: Penalty, batch: Batch) -> Tensor:
    """σ_max of each example's matrix: exact where a side is small, else by Lanczos to a residual of 1e-3.

    Args:
        model: inputs → outputs.
        objective: the task's loss.
        penalty: whose matrix it is.
        batch: examples.

    Returns:
        (B,).
    """
    whole = operator(model, objective, penalty, batch)
    if min(whole.shape[1:]) <= Exact().limit and not whole.symmetric:
        value = Exact()(whole).value
        assert value is not None
        return value.clamp_min(0).sqrt()
    random = seeds.generator(whole.device, 0, "norm")
    matrix = whole if whole.symmetric else whole.gram()
    start = unit_start(matrix, None, random)

    def of(left: Tensor) -> Operator:
        found = operator(model, objective, penalty, batch[left])
        return found if found.symmetric else found.gram()

    value = top_eigenvalue(of, start, tolerance=1e-3, most_steps=128).value.abs()
    return value if whole.symmetric else value.sqrt()


def operator(model: nn.Module, objective: Objective, penalty: Penalty, batch: Batch) -> Operator:
    """A penalty's matrices for a batch, also where gradients are switched off around it."""
    with torch.enable_grad(), twice_differentiable():
        inputs = batch.inputs.detach().requires_grad_()
        outputs = model(inputs)
        losses = objective(outputs, batch.targets)
        return penalty.operator(Forward(inputs, outputs, losses, batch.targets, objective))
