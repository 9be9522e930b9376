"""Terms: the parts that a training loss is the weighted sum of."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from jhrun.objectives import Objective
from jhrun.records import Batch, Decision
from jhrun.records.evidence import state_of
from jhrun.terms.step import Pass, Setting


class Value(NamedTuple):
    """The value of a term on a batch.

    Attributes:
        values: one for each example, (B,), with their graph. Of a batch-coupled term, (k,) values whose mean is
            the term's value.
        figures: detached figures for records and report, by name, (k,) each, or one number of the batch; the
            record of an epoch has their mean.
    """

    values: Tensor
    figures: Mapping[str, Tensor] = {}


@dataclass(frozen=True)
class Look:
    """What a term may look at before and after an epoch.

    Attributes:
        epoch: counted from 0: the one that begins, or the one that has ended.
        model: as training calls it, in training mode.
        objective: the task's loss for each example.
        setting: of the run.
        copies: the term's further networks.
        first: gives the first n training examples of the epoch, as they will be seen in it, in batches of as many
            as are worked on at once.
    """

    epoch: int
    model: nn.Module
    objective: Objective
    setting: Setting
    copies: Mapping[str, nn.Module] = field(default_factory=dict)
    first: Callable[[int], Iterator[Batch]] = lambda _: iter(())


class Term:
    """A part of the loss: the task, a penalty, a distance between two networks' outputs.

    A term is built from YAML: the arguments of its class are the keys of its section. The trainer calls it once
    for each batch, or micro-batch, in training mode. Everything random comes from ``step.generator``.

    Attributes:
        title: two or three words for the heads of plots and tables.
        meaning: a sentence on the term's mean value, under the key ``value``, and on each of its figures, under
            theirs: the report prints these words and no others.
        differentiates: whether the term takes derivatives of the outputs by the inputs that are differentiated
            once more by the backward pass. Such steps are not compiled.
        plain: whether the term needs the clean outputs alone: where all terms do, a layer may look at the whole
            batch, and ``train.micro_batch`` divides nothing.
        coupled: whether the value couples the examples of a batch: ``no``; ``refuse``: so that its micro-batches
            do not add up, and ``train.micro_batch`` is refused; ``sum``: but the means over micro-batches,
            weighted by their sizes, are the value that is meant.
        loss: of a term that is an objective, the task's loss for each example: validation uses it, and a penalty
            of the loss's derivatives.
    """

    title: ClassVar[str]
    meaning: ClassVar[Mapping[str, str]]
    differentiates: bool = False
    plain: bool = False
    coupled: Literal["no", "refuse", "sum"] = "no"
    loss: Objective | None = None

    def __call__(self, step: Pass) -> Value:
        """The term's value on a batch, with its graph.

        Args:
            step: the batch, the network, and forward passes that the terms share.

        Returns:
            Values and figures.

        Raises:
            NotImplementedError: the class has none.
        """
        raise NotImplementedError

    def confirmed(self) -> Mapping[str, str]:
        """How far the method is confirmed, by its evidence: the state by the name of its class."""
        return {type(self).__name__: state_of(self)}

    def preflight(self, look: Look) -> list[str]:  # noqa: ARG002 - most terms fit any network
        """Look at two examples before training begins.

        Args:
            look: ``first(2)`` gives the examples.

        Returns:
            What is odd, a sentence each.

        Raises:
            ValueError: the network does not fit the term.
        """
        return []

    def copies(self, model: nn.Module) -> Mapping[str, nn.Module]:  # noqa: ARG002 - most have none
        """Further networks, by name: a teacher, an averaged twin, a filter.

        The trainer moves them to the device, saves them in each checkpoint, and trains the parameters that require
        a gradient with the model's. Called once, before training; the draws of new networks repeat with the seed.

        Args:
            model: at its initial weights.

        Returns:
            The networks.
        """
        return {}

    def begin_epoch(self, look: Look) -> Sequence[Decision]:  # noqa: ARG002 - most decide nothing
        """Prepare an epoch in which the term counts; decisions are recorded before the first step.

        A run that goes on in the middle of an epoch does not call it again: what it sets belongs in the state.

        Args:
            look: at the epoch that begins.

        Returns:
            Decisions, to be recorded.
        """
        return ()

    def observe(self, step: Pass, done: Tensor) -> Mapping[str, Tensor]:  # noqa: ARG002 - most have no memory
        """Learn from the backward pass: the place where memories and averages move.

        Args:
            step: as ``__call__`` saw it, without graphs; ``notes`` holds what the term left there.
            done: whether the step was made, a bool on the device. Where it is false, nothing may change.

        Returns:
            Further figures, as those of ``Value``.
        """
        return {}

    def end_epoch(self, look: Look) -> Mapping[str, float]:  # noqa: ARG002 - most measure nothing
        """Figures of the epoch's record that are no means over its examples."""
        return {}

    @property
    def dispensable(self) -> Collection[str]:
        """Names in the state without which a run goes on as well: the checkpoint ``best`` leaves them out."""
        return ()

    def state_dict(self) -> dict[str, Tensor | Any]:
        """State that a resumed run needs: tensors, and plain values as JSON has them, by name."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor | Any], device: torch.device) -> None:
        """Go back to a state, bit for bit.

        Args:
            state: from ``state_dict``, on the CPU.
            device: of the network.
        """
