"""What a batch costs: the task's losses, the penalty on a part of it, and the memories that are told of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from jhrun.linalg import Direction, Solver, Tracked
from jhrun.objectives import Objective
from jhrun.penalties import Penalty
from jhrun.records import Batch

SUMS = ("loss", "task_loss", "accuracy", "penalty", "residual", "penalised", "measured")
"""What is summed over an epoch's examples; of the last two, how many had a penalty, and a residual."""


@dataclass(frozen=True)
class Terms:
    """A batch's losses before the backward pass, and what is known of them.

    Attributes:
        losses: of which the mean is to be minimised, (B,), with their graph.
        task_losses: (B,), with their graph.
        right: whether each answer is right, (B,); None where targets are values.
        values: the penalty on the penalised part, (k,); None without one.
        index: of all examples, those of the penalised part first, (B,); None where they have none.
        directions: of each penalty.
        solvers: that found them.
    """

    losses: Tensor
    task_losses: Tensor
    right: Tensor | None
    values: Tensor | None
    index: Tensor | None
    directions: Sequence[Direction]
    solvers: Sequence[Solver]

    def detached(self) -> "Terms":
        """The same without a graph, after the backward pass."""
        values = None if self.values is None else self.values.detach()
        found = [direction._replace(row=None) for direction in self.directions]
        task = self.task_losses.detach()
        return replace(self, losses=self.losses.detach(), task_losses=task, values=values, directions=found)

    def suspects(self) -> Tensor:
        """Indices of the examples whose loss is not finite, and infinity for the others, (B,), float64."""
        none = torch.full_like(self.losses, math.inf, dtype=torch.float64)
        return none if self.index is None else torch.where(self.losses.isfinite(), none, self.index)

    def observed(self, done: Tensor | None = None) -> Tensor:
        """Tell the solvers with a memory what the backward pass found, and sum up.

        Args:
            done: whether the step is made, a bool on the device: memories stay as they are where it is not.

        Returns:
            Sums over the examples, as ``SUMS`` names them, float64.
        """
        relative = [
            residual
            for solver, direction in zip(self.solvers, self.directions, strict=True)
            if (residual := self._relative(solver, direction, done)) is not None
        ]
        residual = torch.stack(relative).mean(0) if relative else None
        columns = (self.losses, self.task_losses, self.right, self.values, residual)
        counts = [0 if c is None else len(c) for c in (self.values, residual)]
        none = self.losses.new_zeros(())
        sums = [(none if c is None else c).detach().double().sum() for c in columns]
        return torch.stack([*sums, *(torch.full_like(sums[0], count) for count in counts)])

    def _relative(self, solver: Solver, direction: Direction, done: Tensor | None) -> Tensor | None:
        """The direction's residual, relative to its value; None where there is none."""
        if isinstance(solver, Tracked) and self.index is not None:
            return solver.observe(self.index[: len(direction.vector)], direction.vector, done)
        if direction.residual is None or direction.value is None:
            return None
        scale = direction.value.abs()
        return torch.where(scale > 0, direction.residual / scale, 0)


def terms(
    model: nn.Module,
    objective: Objective,
    penalties: Sequence[Penalty],
    solvers: Sequence[Solver],
    batch: Batch,
    w: float,
    *,
    part: Tensor | None = None,
    fraction: float | None = None,
    generator: torch.Generator,
) -> Terms:
    """(1 − w)·task loss + w·penalty for each example, the penalty being the mean over the penalised part.

    Args:
        model: inputs → outputs.
        objective: the task's loss.
        penalties: averaged; not looked at where w is 0.
        solvers: one for each.
        batch: B examples.
        w: the penalty's weight.
        part: positions of those that are penalised, (k,), perhaps none; None for all.
        fraction: the share of examples that such parts are; None for k/B.
        generator: of random starts.

    Returns:
        The losses, the penalised examples' first. With a part drawn at random their mean is an unbiased estimate
        of that with all: each penalty counts 1/fraction times.
    """
    if w == 0 or not penalties or (part is not None and not len(part)):
        outputs = model(batch.inputs)
        losses = objective(outputs, batch.targets)
        right = _right(outputs, batch.targets)
        return Terms((1 - w) * losses if penalties else losses, losses, right, None, batch.index, (), ())
    chosen = batch if part is None else batch[part]
    results = [
        penalty(model, objective, chosen, solver, generator, preflight=False)
        for penalty, solver in zip(penalties, solvers, strict=True)
    ]
    values = torch.stack([result.values for result in results]).mean(0)
    task, outputs, targets, index = results[0].losses, results[0].outputs, chosen.targets, chosen.index
    losses = (1 - w) * task + w / (fraction or len(chosen) / len(batch)) * values
    if len(chosen) < len(batch):
        others = torch.ones(len(batch), dtype=torch.int8, device=batch.targets.device)
        others[part] = 0
        # not a mask: how many there are would have to be read back from the device
        rest = batch[others.argsort(descending=True, stable=True)[: len(batch) - len(chosen)]]
        further = model(rest.inputs)
        outputs, targets = torch.cat([outputs, further]), torch.cat([targets, rest.targets])
        task = torch.cat([task, objective(further, rest.targets)])
        losses = torch.cat([losses, (1 - w) * task[len(chosen) :]])
        index = None if index is None or rest.index is None else torch.cat([index, rest.index])
    directions = [result.direction for result in results]
    return Terms(losses, task, _right(outputs, targets), values, index, directions, solvers)


def _right(outputs: Tensor, targets: Tensor) -> Tensor | None:
    return None if targets.is_floating_point() else outputs.argmax(1) == targets


def means(sums: Sequence[float], seen: int) -> dict[str, float]:
    """Means by name from sums in the order of ``SUMS``, over so many examples, or those that a mean is of.

    Args:
        sums: as ``SUMS`` names them.
        seen: over how many examples.

    Returns:
        All but the two counts.
    """
    named = dict(zip(SUMS, sums, strict=True))
    counts = {"penalty": named.pop("penalised"), "residual": named.pop("measured")}
    return {name: value / max(1, counts.get(name, seen)) for name, value in named.items()}
