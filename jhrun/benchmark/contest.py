"""Solvers side by side on one matrix: what a training step costs, how true its direction is, its memory."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.autodiff import twice_differentiable
from jhrun.benchmark.memory import peak_bytes
from jhrun.evaluation.eigenvalue import top_eigenvalue
from jhrun.linalg import Exact, Operator, Tracked
from jhrun.linalg.solver import norm, unit_start
from jhrun.objectives import Objective
from jhrun.penalties import Penalty, PenaltyOutput
from jhrun.penalties.penalty import Forward
from jhrun.records import Batch, Spread

WEIGHT = 0.25
"""Of the penalty in a timed step; it changes no time."""
REVISITS = 12
"""Steps that a tracked direction gets on the standing network before its truth is taken."""


class Contender(NamedTuple):
    """One way to find a direction.

    Attributes:
        name: of the solver.
        iterations: n; None where there is none.
        penalise: the penalty on a batch, by this way.
        memory: of the directions, to be told of each backward pass; None without one.
    """

    name: str
    iterations: int | None
    penalise: Callable[[Batch], PenaltyOutput]
    memory: Tracked | None = None


@dataclass(frozen=True)
class Score:
    """What a contender reached.

    Attributes:
        name: of the solver.
        iterations: n.
        products: with A or Aᵀ, spent on the direction.
        seconds: of a training step, the median.
        cost: the same over that of a plain step.
        truth: mean of ‖vᵀA‖/(‖v‖·σ_max) over the examples; None for the plain step.
        truth_p10: its 10 % quantile.
        peak: bytes of tensors that a step holds at most, beside network and batch.
        frontier: whether no other is both cheaper and truer.
    """

    name: str
    iterations: int | None
    products: int
    seconds: float
    cost: float
    truth: float | None
    truth_p10: float | None
    peak: int
    frontier: bool = False


def contest(
    model: nn.Module,
    objective: Objective,
    batches: Sequence[Batch],
    penalty: Penalty,
    contenders: Sequence[Contender],
    *,
    rounds: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Score]:
    """Let contenders make training steps in turns, on the same network and the same batches.

    Args:
        model: inputs → outputs; its parameters stay what they are: the learning rate is 0.
        objective: the task's loss.
        batches: taken in turns; truth is taken over all of them.
        penalty: whose matrix it is.
        contenders: at least one.
        rounds: of which the medians are taken, one more being made first and not counted.
        progress: told the steps done and their number.

    Returns:
        The plain step's score first, then each contender's.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0)

    def step(contender: Contender | None, batch: Batch) -> None:
        optimizer.zero_grad()
        if contender is None:
            objective(model(batch.inputs), batch.targets).mean().backward()  # type: ignore[no-untyped-call]
        else:
            visit(contender, batch)
        optimizer.step()

    everyone = [None, *contenders]
    times: list[list[float]] = [[] for _ in everyone]
    for number in range(rounds + 1):
        batch = batches[number % len(batches)]
        for place, contender in enumerate(everyone):
            begun = _now(batch.inputs.device)
            step(contender, batch)
            if number:
                times[place].append(_now(batch.inputs.device) - begun)
            progress(number * len(everyone) + place + 1, (rounds + 1) * len(everyone))
    peaks = [peak_bytes(partial(step, contender, batches[0])) for contender in everyone]
    norms = [spectral_norms(model, objective, penalty, batch) for batch in batches]
    medians = [statistics.median(t) for t in times]
    scores = [Score("plain", None, 0, medians[0], 1.0, None, None, peaks[0])]
    for contender, seconds, peak in zip(contenders, medians[1:], peaks[1:], strict=True):
        truths, products = truth(model, objective, penalty, contender, batches, norms)
        spread = Spread.of(truths)
        scores.append(
            Score(
                contender.name,
                contender.iterations,
                products,
                seconds,
                seconds / medians[0],
                spread.mean,
                spread.p10,
                peak,
            )
        )
    return frontier(scores)


def visit(contender: Contender, batch: Batch) -> PenaltyOutput:
    """One backward pass through the task's losses and the penalty, of which the contender's memory is told."""
    out = contender.penalise(batch)
    ((1 - WEIGHT) * out.losses + WEIGHT * out.values).mean().backward()  # type: ignore[no-untyped-call]
    if contender.memory is not None and batch.index is not None:
        contender.memory.observe(batch.index, out.direction.vector)
    return out


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
        some = Batch(batch.inputs[left], batch.targets[left])
        found = operator(model, objective, penalty, some)
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


def truth(
    model: nn.Module,
    objective: Objective,
    penalty: Penalty,
    contender: Contender,
    batches: Sequence[Batch],
    norms: Sequence[Tensor],
) -> tuple[Tensor, int]:
    """‖vᵀA‖/(‖v‖·σ_max) of every example, and the products that a direction costs.

    Args:
        model: inputs → outputs.
        objective: the task's loss.
        penalty: whose matrix it is.
        contender: picks v.
        batches: examples.
        norms: σ_max of theirs.

    Returns:
        (N,), 1 where the matrix is 0, and a number.
    """
    shares, products = [], 0
    for batch, largest in zip(batches, norms, strict=True):
        for _ in range(REVISITS if contender.memory is not None else 0):
            visit(contender, batch)
        direction = contender.penalise(batch).direction
        products = direction.products
        v = direction.vector.detach()
        row = norm(operator(model, objective, penalty, batch).rmv(v).detach()) / norm(v)
        shares.append(torch.where(largest > 0, row / largest, 1))
    return torch.cat(shares), products


def frontier(scores: Sequence[Score]) -> list[Score]:
    """Mark those that no other beats in both cost and truth."""
    marked = []
    for score in scores:
        beaten = score.truth is None or any(
            other.truth is not None
            and (other.cost, -other.truth) != (score.cost, -score.truth)
            and other.cost <= score.cost
            and other.truth >= score.truth
            for other in scores
        )
        marked.append(replace(score, frontier=not beaten))
    return marked


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
