"""uᵀJv, vᵀHv and wᵀHv of a network, each differentiable in its parameters by one ordinary reverse pass."""

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from jhrun.autodiff.operators import HessianOperator, JacobianOperator
from jhrun.autodiff.taylor.series import Layout, Series, Unsupported

Loss = Callable[[Tensor, Tensor], Tensor]
"""(outputs (B, C), targets) → (B,)."""

T = TypeVar("T")


class Forms(NamedTuple):
    """What one pass with directions gives, per example.

    Attributes:
        outputs: f(x), (B, C), with their graph.
        losses: (B,), with their graph; None where no loss was given.
        values: of each form, (B,), differentiable in the parameters, and in u, v and w where these require it.
        passes: forward and reverse passes over the network; one over a series counts as one for each part.
    """

    outputs: Tensor
    losses: Tensor | None
    values: tuple[Tensor, ...]
    passes: int


class JacobianForm(NamedTuple):
    """uᵀJv.

    Attributes:
        u: (B, C), or as the outputs.
        v: (B, D), or as the inputs.
    """

    u: Tensor
    v: Tensor


class HessianForm(NamedTuple):
    """wᵀHv.

    Attributes:
        w: (B, D), or as the inputs.
        v: likewise; ``w`` itself, the same object, for vᵀHv at one direction less.
        of_outputs: H is of the network's single output, not of the loss.
    """

    w: Tensor
    v: Tensor
    of_outputs: bool = False


Form = JacobianForm | HessianForm


def expand(inputs: Tensor, directions: Sequence[Tensor], pairs: Sequence[tuple[int, int]] = ()) -> Series:
    """Line or plane x + Σ tᵢ dᵢ, to be given to a network in place of x.

    Args:
        inputs: x, (B, …).
        directions: dᵢ, as the inputs or flat, (B, D).
        pairs: which second derivatives to carry, by the directions' numbers.

    Returns:
        The series with first derivatives dᵢ and second derivatives 0.
    """
    layout = Layout(len(directions), tuple(pairs))
    zeros = inputs.new_zeros(len(pairs) * len(inputs), *inputs.shape[1:])
    return Series(torch.cat([inputs, *(d.reshape(inputs.shape) for d in directions), zeros]), layout)


def forms(
    model: nn.Module,
    inputs: Tensor,
    wanted: Sequence[Form],
    objective: Loss | None = None,
    targets: Tensor | None = None,
) -> Forms:
    """Several forms, outputs and losses by a single pass in Taylor mode.

    uᵀJv = Σ_c u_c ∂f_c/∂t with x + tv; wᵀHv = ∂²ℓ/∂s∂t with x + sw + tv. Where the network has an operation that
    has no rule, all is computed by nested autograd instead, with one warning that names it.

    Args:
        model: outputs of an example must depend on that example alone.
        inputs: x, (B, …).
        wanted: the forms, whose vectors are constants unless they require a gradient.
        objective: the loss; may be left out where no form needs it.
        targets: of the loss.

    Returns:
        Outputs, losses and the forms' values.
    """
    try:
        return taylor_forms(model, inputs, wanted, objective, targets)
    except Unsupported as error:
        _warn(str(error))
    return autograd_forms(model, inputs, wanted, objective, targets)


def taylor_forms(
    model: nn.Module,
    inputs: Tensor,
    wanted: Sequence[Form],
    objective: Loss | None = None,
    targets: Tensor | None = None,
) -> Forms:
    """``forms`` without the fallback.

    Args:
        model: the network.
        inputs: x.
        wanted: the forms.
        objective: the loss.
        targets: of the loss.

    Returns:
        Outputs, losses and the forms' values.

    Raises:
        Unsupported: an operation has no rule; its name is the message.
    """
    directions: list[Tensor] = []

    def place(vector: Tensor) -> int:
        known = [n for n, d in enumerate(directions) if d is vector]
        if not known:
            directions.append(vector)
        return known[0] if known else len(directions) - 1

    places = [(place(f.v if isinstance(f, JacobianForm) else f.w), place(f.v)) for f in wanted]
    pairs = list(dict.fromkeys(p for f, p in zip(wanted, places, strict=True) if isinstance(f, HessianForm)))
    outputs = _series(model(expand(inputs.detach(), directions, pairs)), "the network")
    losses = None
    if objective is not None:
        losses = _series(objective(outputs, targets), "the objective")  # type: ignore[arg-type]
    values = []
    for form, at in zip(wanted, places, strict=True):
        if isinstance(form, JacobianForm):
            values.append((form.u.reshape(outputs.shape) * outputs.parts[1 + at[1]]).flatten(1).sum(1))
            continue
        scalars = outputs if form.of_outputs else losses
        values.append(_given(scalars).parts[1 + len(directions) + pairs.index(at)].flatten())
    return Forms(outputs.value, None if losses is None else losses.value, tuple(values), outputs.layout.size)


def autograd_forms(
    model: nn.Module,
    inputs: Tensor,
    wanted: Sequence[Form],
    objective: Loss | None = None,
    targets: Tensor | None = None,
) -> Forms:
    """The slow twin of ``taylor_forms``: nested reverse mode.

    Args:
        model: the network.
        inputs: x.
        wanted: the forms.
        objective: the loss.
        targets: of the loss.

    Returns:
        Outputs, losses and the forms' values.
    """
    x = inputs.detach().requires_grad_()
    outputs = model(x)
    losses = None if objective is None else objective(outputs, targets)  # type: ignore[arg-type]
    values, passes = [], 1
    for form in wanted:
        operator: JacobianOperator | HessianOperator
        if isinstance(form, JacobianForm):
            operator, left = JacobianOperator(outputs, x), form.u
        else:
            scalars = outputs.flatten() if form.of_outputs else losses
            operator, left = HessianOperator(_given(scalars), x), form.w
        values.append((operator.rmv(left) * form.v.flatten(1)).sum(1))
        passes += operator.passes.total()
    return Forms(outputs, losses, tuple(values), passes)


def jvp_form(model: nn.Module, inputs: Tensor, u: Tensor, v: Tensor) -> Forms:
    """uᵀJv and f(x).

    Args:
        model: f.
        inputs: x, (B, …).
        u: (B, C).
        v: (B, D), or as the inputs.

    Returns:
        Outputs and one value, (B,).

    Example:
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> jvp_form(nn.Tanh(), 0 * x, u=x, v=x).values
        (tensor([5.]),)
    """
    return forms(model, inputs, [JacobianForm(u, v)])


def quadratic_form(model: nn.Module, objective: Loss, inputs: Tensor, targets: Tensor, v: Tensor) -> Forms:
    """vᵀHv, H being the Hessian of an example's loss by its input: twice the coefficient of t² along v.

    Args:
        model: the network.
        objective: the loss.
        inputs: x, (B, …).
        targets: of the loss.
        v: (B, D), or as the inputs.

    Returns:
        Outputs, losses and one value, (B,).
    """
    return forms(model, inputs, [HessianForm(v, v)], objective, targets)


def mixed_form(model: nn.Module, objective: Loss, inputs: Tensor, targets: Tensor, w: Tensor, v: Tensor) -> Forms:
    """wᵀHv, the coefficient of st along sw + tv; with w = Hv held constant, ∇‖Hv‖² = 2∇(wᵀHv).

    Args:
        model: the network.
        objective: the loss.
        inputs: x, (B, …).
        targets: of the loss.
        w: (B, D), or as the inputs.
        v: likewise.

    Returns:
        Outputs, losses and one value, (B,).
    """
    return forms(model, inputs, [HessianForm(w, v)], objective, targets)


def _series(made: object, what: str) -> Series:
    if not isinstance(made, Series):
        raise Unsupported(f"{what}, which returned no series")
    return made


def _given(scalars: T | None) -> T:
    if scalars is None:
        raise ValueError("objective is missing: the Hessian of a loss needs it; or set of_outputs")
    return scalars


_named: set[str] = set()


def _warn(operation: str) -> None:
    """Once for every operation."""
    if operation not in _named:
        _named.add(operation)
        warnings.warn(
            f"Taylor mode has no rule for {operation}: nested autograd is used instead, which is slower and exact",
            stacklevel=4,
        )
