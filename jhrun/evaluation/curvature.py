"""σ_max(J), the Hessian's leading eigenvalue and what follows from them, for every example of a part."""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.attacks.attack import evaluation_mode
from jhrun.autodiff import HessianOperator, JacobianOperator, twice_differentiable
from jhrun.data import Part
from jhrun.errors import NumericalError
from jhrun.evaluation.eigenvalue import Eigenvalue, mixed_start, top_eigenvalue
from jhrun.linalg import DenseOperator, Exact, Solver
from jhrun.linalg.solver import norm
from jhrun.objectives import Objective
from jhrun.penalties import Hessian, Jacobian, Penalty, kinked_layers
from jhrun.records import Batch

TOLERANCE = 1e-3
"""Of the relative residual ‖Hv − θv‖/|θ|, so that some eigenvalue lies within 0.1 % of θ.

It is out of float32's reach: the loss's gradient contains p − y, which is rounded to 6e-8, so that the Hessian of
an example has a relative error of about 6e-8/(1 − p_y), too large where 1 − p_y < 6e-5. Of 359 digits under an
ordinarily trained network, 56 did not reach it, and one stayed at 0.59. In float64 the limit is 1 − p_y < 2e-13,
and all of them can reach 1e-9: hence a copy of the network in float64.
"""

MOST_STEPS = 128
"""Of Lanczos' method: its basis is what takes memory. Trained networks need 4 to 20."""

BATCH = 128
MEMORY = 2**28
"""Bytes that a batch's Jacobians and Lanczos basis may take; examples with many pixels come in smaller batches."""


class Estimator(NamedTuple):
    """How the penalty was found in training.

    Attributes:
        penalty: the run's own.
        solver: the one of the last epoch.
    """

    penalty: Penalty
    solver: Solver

    @property
    def matrix(self) -> str | None:
        """J or H, whose norm is known here too; None for any other matrix."""
        if type(self.penalty) is Jacobian:
            return "J"
        return "H" if type(self.penalty) is Hessian and self.penalty.of == "loss" else None


@dataclass(frozen=True)
class Curvature:
    """What was measured, (N,) each, in float64 on the CPU.

    Attributes:
        sigma_max: σ_max(J) of the logits' Jacobian.
        eigenvalue: θ, relative residual and whether it was reached, of the loss's Hessian.
        margin: z_y − max_{j≠y} z_j, negative where the example is classified wrongly.
        estimate: ‖vᵀA‖ as the run's penalty finds it, A = J or H; None where it has another matrix, or none.
        matrix: which A.
        warnings: sentences.
        seconds: wall time.
    """

    sigma_max: Tensor
    eigenvalue: Eigenvalue
    margin: Tensor
    estimate: Tensor | None
    matrix: str | None
    warnings: tuple[str, ...]
    seconds: float

    @property
    def radius(self) -> Tensor:
        """max(margin, 0)/(√2·σ_max(J)): how far the linearised network keeps its answer, in ℓ2. No certificate.

        To first order z_y − z_j changes under δ by (e_y − e_j)ᵀJδ, of modulus at most ‖e_y − e_j‖·σ_max(J)·‖δ‖ =
        √2·σ_max(J)·‖δ‖; no step shorter than the radius closes the gap to any class. Tight where J's top left
        singular vector is (e_y − e_j)/√2, as with two opposite logits. Without the √2 it would be no bound even
        for a linear network. J changes along the way, and nothing bounds by how much: hence no certificate.
        """
        return torch.where(self.margin > 0, self.margin / (2**0.5 * self.sigma_max), 0)

    @property
    def share(self) -> Tensor | None:
        """‖vᵀA‖/σ_max(A), (N,): not a number where A is 0; above 1 for a probe that is no unit vector."""
        if self.estimate is None:
            return None
        return self.estimate / (self.sigma_max if self.matrix == "J" else self.eigenvalue.value.abs())


def curvature(
    model: nn.Module,
    objective: Objective,
    part: Part,
    *,
    estimator: Estimator | None = None,
    seed: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Curvature:
    """Measure every example of a part.

    Args:
        model: images → logits, of each example alone; it stays as it is: a copy in float64 is measured.
        objective: the loss whose Hessian it is.
        part: at least one example; the loss is that of its labels.
        estimator: of the run's penalty, whose estimates are made in the network's own precision, as in training.
        seed: of random starts.
        progress: told the examples done and their number.

    Returns:
        Everything per example.
    """
    begun = time.perf_counter()
    precise = double(model)
    matrix = estimator.matrix if estimator else None
    rows: list[tuple[Tensor, ...]] = []
    estimates: list[Tensor] = []
    for number, batch in enumerate(part.hard().batches(_batch_size(precise, part))):
        random = seeds.generator("cpu", seed, "curvature", number)
        found = _measure(precise, objective, batch, random)
        rows.append(tuple(t.cpu() for t in found))
        if estimator and matrix:
            estimates.append(_estimate(model, objective, batch, estimator, seed, number))
        progress(sum(len(r[0]) for r in rows), len(part))
    sigma, margin, *eigenvalue = (torch.cat(column) for column in zip(*rows, strict=True))
    return Curvature(
        sigma,
        Eigenvalue(*eigenvalue),
        margin,
        torch.cat(estimates) if matrix else None,
        matrix,
        _warnings(model),
        time.perf_counter() - begun,
    )


def double(model: nn.Module) -> nn.Module:
    """A copy in float64 and in eval mode, its parameters constant."""
    return deepcopy(model).double().eval().requires_grad_(False)


def logit_margin(logits: Tensor, targets: Tensor) -> Tensor:
    """z_y − max_{j≠y} z_j of each example: (B, C), (B,) → (B,)."""
    right = logits.gather(1, targets[:, None])[:, 0]
    others: Tensor = logits.scatter(1, targets[:, None], -torch.inf).amax(1)
    return right - others


def _batch_size(model: nn.Module, part: Part) -> int:
    first = next(part[:1].batches(1)).inputs.double()
    with torch.no_grad():
        rows: int = model(first).numel() + min(MOST_STEPS, first.numel())
    return max(1, min(BATCH, MEMORY // (8 * rows * first.numel())))


def _measure(model: nn.Module, objective: Objective, batch: Batch, random: torch.Generator) -> tuple[Tensor, ...]:
    """σ_max, margin, and the eigenvalue's three."""
    x = batch.inputs.double()

    def forward(chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.enable_grad(), twice_differentiable():
            inputs = x[chosen].requires_grad_()
            outputs = model(inputs)
            return inputs, outputs, objective(outputs, batch.targets[chosen])

    def hessian(chosen: Tensor) -> HessianOperator:
        inputs, _, losses = forward(chosen)
        return HessianOperator(losses, inputs)

    everything = torch.arange(len(x), device=x.device)
    inputs, outputs, losses = forward(everything)
    with torch.no_grad():
        jacobian = JacobianOperator(outputs, inputs).dense()
    gradient = HessianOperator(losses, inputs).gradient.detach().flatten(1)
    if not bool(jacobian.isfinite().all() and gradient.isfinite().all()):
        raise NumericalError(
            "the network's gradients are not finite",
            f"in a batch of {len(x)} examples",
            "look at the training curves, or evaluate another checkpoint",
        )
    # the logits are the small side: formed whatever their number is
    written = DenseOperator(jacobian)
    top = Exact(limit=outputs.shape[1])(written).vector
    start = mixed_start(gradient, random)
    found = top_eigenvalue(hessian, start, tolerance=TOLERANCE, most_steps=MOST_STEPS)
    return norm(written.rmv(top)), logit_margin(outputs.detach(), batch.targets), *found


def _estimate(
    model: nn.Module, objective: Objective, batch: Batch, estimator: Estimator, seed: int, number: int
) -> Tensor:
    random = seeds.generator(batch.inputs.device, seed, "curvature estimate", number)
    with evaluation_mode(model):
        out = estimator.penalty(model, objective, batch, estimator.solver, random, preflight=False)
    return out.values.detach().double().cpu().sqrt()


def _warnings(model: nn.Module) -> tuple[str, ...]:
    kinked = kinked_layers(model)
    if not kinked:
        return ()
    return (
        f"the network is piecewise linear ({kinked[0]}): its own second derivatives are 0, and the Hessian's "
        "eigenvalues are those of the loss's Gauss-Newton part alone",
    )
