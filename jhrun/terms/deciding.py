"""What ``solver=auto`` takes: every way tried on a few batches, truth by residuals, cost by counted passes."""

from collections import Counter
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.autodiff import twice_differentiable
from jhrun.linalg import Auto, Direction, Exact, Lanczos, Operator, Tracked
from jhrun.linalg.auto import FORMED, LADDER, solver_named
from jhrun.linalg.solver import norm, unit_start
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
    seed: int,
) -> list[Measured]:
    """Try the ways, the cheapest first, until one reaches the wanted truth.

    Args:
        auto: what is wanted, and what a pass costs.
        penalty: whose matrix it is.
        model: as it is trained.
        objective: the task's loss.
        batches: as training will see them; one graph is held at a time.
        memory: of directions; it is asked, and stays as it is. None where nothing can be kept.
        seed: of random starts, and of layers that draw.

    Returns:
        What was tried, perhaps all.
    """
    random = seeds.generator(batches[0].inputs.device, seed, "start")

    def graph(batch: Batch) -> Operator:
        # a network of the user's own may draw from the global state (dropout): the same for every way
        seeds.seed_globally(seed)
        inputs = batch.inputs.detach().requires_grad_()
        with twice_differentiable():
            outputs = model(inputs)
        losses = objective(outputs, batch.targets)
        return penalty.operator(Forward(inputs, outputs, losses, batch.targets, objective))

    first = graph(batches[0][:1])
    shape, offered = first.shape, penalty.start(first) is not None
    # a symmetric matrix costs as many products as it has rows, of the dear kind: more than any rung of the ladder
    formed = min(shape[1:]) <= (LADDER[-1] if first.symmetric else FORMED)
    del first
    largest = torch.cat([_bound(penalty, graph(batch), formed, random) for batch in batches])
    tried: list[tuple[str, int, float, Tensor]] = []
    for name, n in ladder(shape[1], formed, remembered=memory is not None, offered=offered):
        reached, passes = [], Counter[str]()
        for batch in batches:
            operator = graph(batch)
            before = operator.spent()
            v = penalty.direction(operator, batch, solver_named(name, n, memory), random).vector.detach()
            passes += operator.spent() - before
            with torch.no_grad():
                reached.append(norm(operator.rmv(v)) / norm(v))
            # before the next graph is made
            del operator, v
        tried.append((name, n, auto.cost(passes) / len(batches), torch.cat(reached)))
        largest = torch.maximum(largest, tried[-1][3])
        enough = _truth(tried[-1][3], largest).mean() >= auto.truth
        # the ladder goes up in cost: what follows is no cheaper; exact comes first, and may be dear
        if name != "exact" and (enough or (formed and tried[-1][2] >= tried[0][2])):
            break
    spreads = [Spread.of(_truth(reached, largest)) for *_, reached in tried]
    return [
        Measured(name, n, cost, spread.mean or 0.0, spread.p10 or 0.0)
        for (name, n, cost, _), spread in zip(tried, spreads, strict=True)
    ]


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


def _bound(penalty: Penalty, operator: Operator, formed: bool, random: torch.Generator) -> Tensor:
    """σ_max, or what a long search from another start than the ways' own finds of it, plus its residual, (B,)."""
    solver = Exact(FORMED) if formed else Lanczos(REFERENCE)
    start = penalty.start(operator)
    if start is not None:
        # a part of every eigenvector is in it, also of those that the offered one lacks
        matrix = operator if operator.symmetric else operator.gram()
        start = unit_start(matrix, start, random) + unit_start(matrix, None, random)
    found: Direction = solver(operator, start=start, generator=random)
    assert found.value is not None
    assert found.residual is not None
    value = found.value.abs() + found.residual
    return value if operator.symmetric else value.sqrt()


def _truth(reached: Tensor, largest: Tensor) -> Tensor:
    """‖vᵀA‖/σ of each example, 1 where A is 0; 0 where something is not finite."""
    return torch.where(largest == 0, 1, reached / largest).nan_to_num(0)
