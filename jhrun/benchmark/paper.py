"""The published algorithm, rendered literally: the slow twin that ratios refer to. Not for training.

Each product builds and differentiates graphs of its own by nested reverse mode, the recurrence is the published
one, without reorthogonalisation, and its breakdown test is absolute (arXiv 2212.00311, algorithm 1, and its code).
"""

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from jhrun.linalg import Direction
from jhrun.objectives import Objective
from jhrun.penalties import Forward, PenaltyOutput
from jhrun.records import Batch

BREAKDOWN = 1e-5
"""Of the published code: absolute, so that small matrices restart at every step."""


def paper(
    matrix: str,
    model: nn.Module,
    objective: Objective,
    batch: Batch,
    iterations: int,
    generator: torch.Generator | None = None,
) -> PenaltyOutput:
    """‖vᵀA‖² with v from n steps of the published Lanczos recurrence on AAᵀ or, symmetric, on A.

    Args:
        matrix: ``jacobian`` or ``hessian``.
        model: inputs → outputs.
        objective: the task's loss.
        batch: inputs and targets.
        iterations: n; 0 stands for a Gaussian probe in place of a found direction.
        generator: of the random start.

    Returns:
        As a penalty's.

    Raises:
        ValueError: the matrix is another one.
    """
    if matrix not in {"jacobian", "hessian"}:
        raise ValueError(f"matrix={matrix!r}: the paper has jacobian and hessian")
    x = batch.inputs.detach().requires_grad_()
    # its fused forms cannot be differentiated twice
    with sdpa_kernel(SDPBackend.MATH):
        outputs = model(x)
    losses = objective(outputs, batch.targets)
    return paper_at(matrix, Forward(x, outputs, losses, batch.targets, objective), iterations, generator)


def paper_at(
    matrix: str, forward: Forward, iterations: int, generator: torch.Generator | None = None
) -> PenaltyOutput:
    """The same of a forward pass that is there.

    Args:
        matrix: ``jacobian`` or ``hessian``.
        forward: whose inputs are leaves.
        iterations: n; 0 stands for a Gaussian probe in place of a found direction.
        generator: of the random start.

    Returns:
        As a penalty's.
    """
    x, outputs, losses = forward.inputs, forward.outputs, forward.losses
    if matrix == "hessian":
        (gradient,) = torch.autograd.grad(losses.sum(), x, create_graph=True)
        start = gradient

        def row(v: Tensor) -> Tensor:
            (product,) = torch.autograd.grad((gradient * v).sum(), x, create_graph=True)
            return product

        def product(v: Tensor) -> Tensor:
            (image,) = torch.autograd.grad((gradient * v).sum(), x, retain_graph=True)
            return image
    else:
        start = outputs

        def row(v: Tensor) -> Tensor:
            (product,) = torch.autograd.grad((outputs * v).sum(), x, create_graph=True)
            return product

        def product(v: Tensor) -> Tensor:
            # ∂(½‖vᵀJ‖²)/∂v = JJᵀv
            v = v.detach().requires_grad_()
            (image,) = torch.autograd.grad(row(v).square().sum() / 2, v)
            return image

    v = torch.randn(start.shape, generator=generator, device=start.device, dtype=start.dtype)
    if iterations:
        v = _lanczos(product, v, iterations)
    values = row(v).flatten(1).square().sum(1)
    products = iterations * (1 if matrix == "hessian" else 2)
    direction = Direction(v.flatten(1).detach(), None, None, products)
    return PenaltyOutput(outputs, losses, values, direction, 1 + products)


def _lanczos(product, start: Tensor, iterations: int) -> Tensor:  # type: ignore[no-untyped-def]
    """The Ritz vector of largest modulus."""

    def dot(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).flatten(1).sum(1).view(-1, *[1] * (a.ndim - 1))

    v = start / dot(start, start).sqrt()
    basis, diagonal, off = [v], [], []
    omega = product(v).detach()
    diagonal.append(dot(omega, v))
    omega = omega - diagonal[-1] * v
    for _ in range(1, iterations):
        b = dot(omega, omega).sqrt()
        fresh = torch.randn_like(omega)
        v = torch.where(b < BREAKDOWN, fresh / dot(fresh, fresh).sqrt(), omega / b)
        off.append(torch.where(b < BREAKDOWN, 0, b))
        omega = product(v).detach()
        diagonal.append(dot(omega, v))
        omega = omega - diagonal[-1] * v - off[-1] * basis[-1]
        basis.append(v)
    t = torch.diag_embed(torch.stack([a.flatten() for a in diagonal], 1))
    if off:
        b = torch.stack([b.flatten() for b in off], 1)
        t = t + torch.diag_embed(b, offset=1) + torch.diag_embed(b, offset=-1)
    values, vectors = torch.linalg.eigh(t)
    top = values.abs().argmax(1)
    q = vectors[torch.arange(len(top)), :, top]
    found = torch.einsum("bk,kb...->b...", q, torch.stack(basis))
    return found / dot(found, found).sqrt()
