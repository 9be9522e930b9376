"""One batch's gradients, made in as many parts as memory asks for."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from jhrun.linalg import Solver
from jhrun.objectives import Objective
from jhrun.penalties import Penalty
from jhrun.records import Batch
from jhrun.training.terms import Terms, terms


def add_gradients(
    model: nn.Module,
    objective: Objective,
    penalties: Sequence[Penalty],
    solvers: Sequence[Solver],
    batch: Batch,
    w: float,
    *,
    part: Sequence[int] | None = None,
    micro_batch: int | None = None,
    generator: torch.Generator,
) -> tuple[Tensor, list[Terms]]:
    """Add the gradients of a batch's mean loss to those of the parameters.

    Args:
        model: inputs → outputs.
        objective: the task's loss.
        penalties: averaged.
        solvers: one for each.
        batch: B examples.
        w: the penalty's weight; at 0 all is done at once, since a layer may then look at the whole batch.
        part: positions of the examples that are penalised; None for all.
        micro_batch: examples worked on at once; None for all.
        generator: of random starts.

    Returns:
        The mean loss, and what its parts were made of, without a graph: solvers with a memory are yet to be told.
    """
    device = batch.inputs.device
    at_once = (micro_batch if w > 0 else None) or len(batch)
    loss = torch.zeros((), device=device)
    parts = []
    for first in range(0, len(batch), at_once):
        mine = None if part is None else [i - first for i in part if first <= i < first + at_once]
        made = terms(
            model,
            objective,
            penalties,
            solvers,
            batch[first : first + at_once],
            w,
            part=None if mine is None else _sent(mine, device),
            fraction=None if part is None else len(part) / len(batch),
            generator=generator,
        )
        share = made.losses.sum() / len(batch)
        share.backward()  # type: ignore[no-untyped-call]
        parts.append(made.detached())
        loss = loss + share.detach()
    return loss, parts


def _sent(positions: Sequence[int], device: torch.device) -> Tensor:
    """Positions as a tensor on a device, which is not waited for."""
    here = torch.tensor(positions, dtype=torch.int64)
    return here.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else here.to(device)
