"""How well a regression task was learned, and how far the network's derivatives are from the true structure."""

import math
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from jhrun.attacks.attack import evaluation_mode
from jhrun.autodiff import HessianOperator, JacobianOperator, twice_differentiable
from jhrun.data import Part
from jhrun.errors import NumericalError
from jhrun.records import TaskRecord

Structure = Literal["symmetric", "diagonal"]
POINTS = 16
"""Examples whose whole matrices are formed: they concentrate, so that few are enough."""

_BATCH = 1000


def measure(model: nn.Module, part: Part, structure: Structure | None, points: int = POINTS) -> TaskRecord:
    """Error, skill, and what should be zero in the derivatives.

    Args:
        model: inputs → (B, m); every submodule is in eval mode meanwhile, and in its own afterwards.
        part: examples that were not trained on, with values (N, m) as targets.
        structure: of the true function's derivatives.
        points: how many of the first examples have their matrices formed.

    Returns:
        The figures; those of the derivatives over ``points`` of the examples, exact but for the rounding of the
        network's own precision.

    Raises:
        NumericalError: a figure is not finite.
    """
    with evaluation_mode(model):
        with torch.no_grad():
            outputs = torch.cat([model(batch.inputs) for batch in part.batches(_BATCH)])
        errors = (outputs.double() - part.targets.double()).square()
        mse = float(errors.mean())
        variance = float(part.targets.double().var(0, correction=0).mean())
        # of values that are all alike, as one is, no share is explained
        skill = 1 - mse / variance if variance > 0 else None
        found = TaskRecord(mse, len(part), skill)
        some = next(part[:points].batches(points)).inputs
        if structure == "symmetric":
            mean = _mean([asymmetry(jacobian(model, x)) for x in some])
            found = replace(found, asymmetry=mean, points=len(some))
        if structure == "diagonal":
            mean = _mean([off_diagonal(hessian(model, x)) for x in some])
            found = replace(found, off_diagonal=mean, points=len(some))
    bad = [name for name, value in vars(found).items() if value is not None and not math.isfinite(value)]
    if bad:
        raise NumericalError(
            "the network's outputs or their derivatives are not finite",
            " and ".join(bad),
            "no figure is given; look at the training curves, or evaluate another checkpoint",
        )
    return found


def jacobian(model: nn.Module, x: Tensor) -> Tensor:
    """J of one example, (m, n): one pass over m copies of it, of which each gives a row.

    Args:
        model: inputs → (B, m).
        x: one input of n numbers.

    Returns:
        ∂f/∂x, dense.
    """
    m = model(x[None]).shape[1]
    inputs = x.repeat(m, *[1] * x.ndim).requires_grad_()
    operator = JacobianOperator(model(inputs), inputs)
    with torch.no_grad():
        return operator.rmv(torch.eye(m, dtype=x.dtype, device=x.device))


def hessian(model: nn.Module, x: Tensor) -> Tensor:
    """H of a scalar output at one example, (n, n): one product on n copies of it.

    Args:
        model: inputs → (B, 1).
        x: one input of n numbers.

    Returns:
        ∂²f/∂x², dense.
    """
    n = x.numel()
    inputs = x.repeat(n, *[1] * x.ndim).requires_grad_()
    with twice_differentiable():
        outputs = model(inputs)
    operator = HessianOperator(outputs.flatten(), inputs)
    with torch.no_grad():
        return operator.mv(torch.eye(n, dtype=x.dtype, device=x.device))


def asymmetry(matrix: Tensor) -> Tensor:
    """‖A − Aᵀ‖_F of a square matrix."""
    norm: Tensor = torch.linalg.matrix_norm(matrix - matrix.mT)
    return norm


def off_diagonal(matrix: Tensor) -> Tensor:
    """Σ_{i≠j} A_ij² of a square matrix."""
    total: Tensor = (matrix - torch.diag(matrix.diagonal())).square().sum()
    return total


def _mean(values: list[Tensor]) -> float:
    return float(torch.stack(values).double().mean())
