"""What ``solver=auto`` takes: every way tried on a few batches, truth by residuals, cost by counted passes."""

from collections import Counter
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from jhrun.autodiff import LeanConvolutions
from jhrun.linalg import Auto, Direction, Exact, Lanczos, Operator, Tracked
from jhrun.linalg.auto import FORMED, LADDER, solver_named
from jhrun.linalg.solver import norm
from jhrun.objectives import Objective
from jhrun.penalties import Penalty
from jhrun.penalties.penalty import Forward
from jhrun.records import Batch, Measured, Spread

EXAMPLES = 64
"""That are measured, in batches of at most so many."""
REFERENCE = 32
"""Iterations of the Lanczos run whose value and residual bound σ_max where no side can be formed."""


def measurements(
    auto: Auto,
    penalty: Penalty,
    model: nn.Module,
    objective: Objective,
    batches: Sequence[Batch],
    memory: Tracked | None,
    generator: torch.Generator,
) -> list[Measured]:
    """Try the ways, the cheapest first, until one reaches the wanted truth.

    Args:
        auto: what is wanted, and what a pass costs.
        penalty: whose matrix it is.
        model: as it is trained.
        objective: the task's loss.
        batches: as training will see them.
        memory: of directions; it is asked, and stays as it is. None where nothing can be kept.
        generator: of random starts.

    Returns:
        What was tried, perhaps all.
    """
    forwards = [_forward(model, objective, batch) for batch in batches]
    first = penalty.operator(forwards[0])
    # a symmetric matrix costs as many products as it has rows, of the dear kind: more than any rung of the ladder
    formed = min(first.shape[1:]) <= (LADDER[-1] if first.symmetric else FORMED)
    bounds = [_bound(penalty, forward, formed, generator) for forward in forwards]
    found: list[Measured] = []
    offered = penalty.start(first) is not None
    for name, n in ladder(first.shape[1], formed, remembered=memory is not None, offered=offered):
        truths, passes = [], Counter[str]()
        for batch, forward, bound in zip(batches, forwards, bounds, strict=True):
            operator = penalty.operator(forward)
            solver = solver_named(name, n, memory)
            before = operator.spent()
            v = penalty.direction(operator, batch, solver, generator).vector.detach()
            passes += operator.spent() - before
            truths.append(_truth(operator, v, bound))
        cost = auto.cost(passes) / len(batches)
        spread = Spread.of(torch.cat(truths))
        found.append(Measured(name, n, cost, spread.mean or 0.0, spread.p10 or 0.0))
        reached = found[-1].truth >= auto.truth
        # the ladder goes up in cost: what follows is no cheaper; exact comes first, and may be dear
        if name != "exact" and (reached or (formed and cost >= found[0].cost)):
            break
    return found


def ladder(side: int, formed: bool, *, remembered: bool, offered: bool) -> Iterator[tuple[str, int]]:
    """What is tried: ``exact`` where a side can be formed, then the others, the cheapest first.

    Args:
        side: m of an m×n matrix.
        formed: whether ``exact`` can be had.
        remembered: whether directions are kept.
        offered: whether the matrix offers a start.

    Yields:
        Names and n, as in a ``Decision``.
    """
    if formed:
        yield "exact", 0
    if remembered:
        yield "tracked", 0
    elif offered:
        yield "start", 0
    yield from (("lanczos", n) for n in LADDER if n <= side)


def chosen(measured: Sequence[Measured], wanted: float) -> Measured:
    """The cheapest of those that reach the wanted truth; if none does, the truest.

    Args:
        measured: at least one.
        wanted: truth.

    Returns:
        One of them; of equals the first.
    """
    enough = [m for m in measured if m.truth >= wanted]
    return min(enough, key=lambda m: m.cost) if enough else max(measured, key=lambda m: m.truth)


def due(epoch: int, stages: Sequence[int]) -> bool:
    """Whether an epoch begins with a decision: 0, 1, 2, 4, 8, … and the beginnings of stages.

    Args:
        epoch: counted from 0.
        stages: first epochs of a schedule's stages.

    Returns:
        Yes or no. The network changes most at first, and only from epoch 1 on is there anything to remember.
    """
    return epoch in stages or epoch & (epoch - 1) == 0


def _forward(model: nn.Module, objective: Objective, batch: Batch) -> Forward:
    inputs = batch.inputs.detach().requires_grad_()
    with LeanConvolutions():
        outputs = model(inputs)
    return Forward(inputs, outputs, objective(outputs, batch.targets), batch.targets, objective)


def _bound(penalty: Penalty, forward: Forward, formed: bool, generator: torch.Generator) -> Tensor:
    """σ_max or a little more, (B,): a value plus its residual, within which an eigenvalue lies."""
    operator = penalty.operator(forward)
    solver = Exact(FORMED) if formed else Lanczos(REFERENCE)
    found: Direction = solver(operator, start=penalty.start(operator), generator=generator)
    assert found.value is not None
    assert found.residual is not None
    value = found.value.abs() + found.residual
    return value if operator.symmetric else value.sqrt()


def _truth(operator: Operator, v: Tensor, bound: Tensor) -> Tensor:
    """‖vᵀA‖/(‖v‖·σ) of each example, 1 where A is 0; 0 where something is not finite."""
    with torch.no_grad():
        row = norm(operator.rmv(v)) / norm(v)
    return torch.where(bound == 0, 1, row / bound).clamp(max=1).nan_to_num(0)
