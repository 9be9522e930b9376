"""A step's batch, as the terms of the loss see it: forward passes are made once, when first asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.autodiff import twice_differentiable
from jhrun.objectives import Objective
from jhrun.penalties import Forward
from jhrun.records import Batch


@dataclass(frozen=True)
class Setting:
    """What stays the same over a run.

    Attributes:
        examples: how many there are in the training part; ``batch.index`` is below it.
        redrawn: whether an example's image is drawn anew at each visit, so that a vector in input space that was
            kept for it is worth nothing.
        seed: of the run.
        stages: first epochs of the stages of the run's schedules.
    """

    examples: int
    redrawn: bool = False
    seed: int = 0
    stages: tuple[int, ...] = (0,)


@dataclass
class Draws:
    """Named streams of random numbers of one step; its micro-batches share them."""

    seed: int
    number: int
    device: torch.device
    made: dict[str, torch.Generator] = field(default_factory=dict)

    def __call__(self, name: str, device: torch.device | str | None = None) -> torch.Generator:
        """The stream of a name, on the network's device or another."""
        if name not in self.made:
            self.made[name] = seeds.generator(device or self.device, self.seed, name, self.number)
        return self.made[name]


@dataclass
class Pass:
    """One batch, or micro-batch, of one step.

    Attributes:
        model: the network as training calls it.
        objective: the task's loss for each example.
        batch: B examples.
        epoch: since the beginning, with its fraction.
        setting: of the run.
        generator: gives the named stream of this step; a name belongs to one term.
        copies: the term's further networks.
        notes: what a term leaves for its own ``observe``.
        head: the same pass over the first examples alone, where another term looks at those alone.
    """

    model: nn.Module
    objective: Objective
    batch: Batch
    epoch: float
    setting: Setting
    generator: Callable[[str], torch.Generator]
    copies: Mapping[str, nn.Module] = field(default_factory=dict)
    notes: dict[Any, Any] = field(default_factory=dict)
    head: "Pass | None" = None
    _made: Forward | None = None

    @property
    def differentiable(self) -> Forward:
        """The forward pass over the batch, whose inputs are leaves, and which can be differentiated twice."""
        if self._made is None or not self._made.inputs.requires_grad:
            inputs = self.batch.inputs.detach().requires_grad_()
            with twice_differentiable():
                outputs = self.model(inputs)
            self._made = self._forward(inputs, outputs, self.batch.targets)
        return self._made

    @property
    def clean(self) -> Forward:
        """The forward pass over the batch: outputs and the task's losses, with their graph."""
        if self._made is None:
            first = self.head.made if self.head is not None else None
            if first is None:
                inputs = self.batch.inputs
                self._made = self._forward(inputs, self.model(inputs), self.batch.targets)
            elif len(first.losses) == len(self.batch):
                self._made = first
            else:
                rest = self.batch[len(first.losses) :]
                further = self._forward(rest.inputs, self.model(rest.inputs), rest.targets)
                outputs, losses = (
                    torch.cat([getattr(first, of), getattr(further, of)]) for of in ("outputs", "losses")
                )
                self._made = Forward(self.batch.inputs, outputs, losses, self.batch.targets, self.objective)
        return self._made

    @property
    def made(self) -> Forward | None:
        """The forward pass over the batch, if a term has asked for it."""
        return self._made

    def release(self) -> None:
        """Let go of the graphs."""
        self._made = None
        if self.head is not None:
            self.head.release()

    def _forward(self, inputs: Tensor, outputs: Tensor, targets: Tensor) -> Forward:
        return Forward(inputs, outputs, self.objective(outputs, targets), targets, self.objective)
