"""The training loop: the weighted sum of some terms, epoch by epoch, restartable at any step."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from jhrun import seeds
from jhrun.data import Dataset, Part, facts
from jhrun.errors import NumericalError
from jhrun.objectives import Objective
from jhrun.records import Batch, Decision, EpochRecord, TaskRecord
from jhrun.schedules import Schedule
from jhrun.terms import OBJECTIVE, REGULARIZER, Draws, Look, Pass, Setting, Weighted
from jhrun.training.averages import Averages
from jhrun.training.checkpoint import Checkpoint
from jhrun.training.cost import PLAIN, Costs
from jhrun.training.follow import Follow
from jhrun.training.gradients import Active, Made, add_gradients
from jhrun.training.ledger import Ledger
from jhrun.training.memory import peak_memory
from jhrun.training.options import TrainOptions
from jhrun.training.passes import Bfloat16, compile_failure_named, compiled
from jhrun.training.refusal import REMEDY
from jhrun.training.state import (
    TERM,
    copies_state,
    optimizer_tensors,
    optimizer_values,
    plain_groups,
    restore_copies,
    restore_optimizer,
    restore_terms,
    terms_state,
)
from jhrun.training.update import finite_step
from jhrun.training.validation import validate


class Interrupted(Exception):  # noqa: N818 - it is a signal, not an error
    """Training was asked to stop; everything is saved."""


@dataclass
class Trainer:
    """A training run and where it stands.

    Everything random comes from ``seed`` through named streams, so that the cursor (epoch, step), the weights, the
    states of optimizer and terms, and the epoch's partial sums are all there is to save.

    Attributes:
        model: inputs → outputs, on its device; it is what checkpoints hold, and what is validated.
        dataset: on the same device.
        objective: the task's loss for each example.
        terms: whose weighted sum is minimised; the first counts in every step.
        optimizer: of the model's parameters.
        lr: learning rate, by epoch with fractions.
        options: of the loop.
        seed: of order, augmentation and the terms' draws.
        follows: arguments that follow a schedule.
        stages: first epochs of the stages of the run's schedules.
        averages: of the weights; None for none.
        measure: further figures of the validation part at each epoch's end, for the records.
        epoch: epochs done.
        step: steps done in the epoch under way.
        ledger: what its steps came to, and those that were refused.
        seconds: spent on it.
        means: over the epoch so far, as of the last meeting of host and device, by name; empty before the first.
        best: the best validation accuracy so far, or validation loss where there are no classes.
        copies: further networks of the terms, by name.
        costs: of its steps, in plain ones.
        network: the model as training calls it.
        single: likewise where no term differentiates, for one backward pass alone.
    """

    model: nn.Module
    dataset: Dataset
    objective: Objective
    terms: Sequence[Weighted]
    optimizer: Optimizer
    lr: Schedule
    options: TrainOptions
    seed: int
    follows: Sequence[Follow] = ()
    stages: tuple[int, ...] = (0,)
    averages: Averages | None = None
    measure: Callable[[nn.Module, Part], TaskRecord] | None = None
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    means: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin the first epoch.

        Raises:
            ValueError: an epoch would have no step, or micro-batches do not add up to a batch.
        """
        if self.steps == 0:
            raise ValueError(
                f"batch_size={self.options.batch_size} is more than the {len(self.dataset.train)} training "
                "examples, and drop_last leaves out batches that are not full"
            )
        for one in self.terms if self.options.micro_batch else ():
            if one.term.coupled == "refuse":
                what = f"{type(one.term).__name__} couples the examples of a batch"
                raise ValueError(f"micro_batch={self.options.micro_batch}: {what}: leave train.micro_batch out")
        self.device = self.dataset.train.targets.device
        titles = {one.name: getattr(one.term, "title", one.name) for one in self.terms}
        self.ledger = Ledger(titles, self.device)
        redrawn = (self.dataset.crop > 0 or self.dataset.flip) and self.dataset.hold == 1
        self.setting = Setting(len(self.dataset.train), redrawn, self.seed, self.stages)
        self.copies = self._copies()
        self.costs = Costs(self.device)
        self._given = plain_groups(self.optimizer)
        if self.averages is not None:
            if not self.averages.due(self.options.epochs):
                epochs = f"{self.options.epochs} epochs"
                raise ValueError(f"averaging would not begin in {epochs}: lower averaging.start")
            self.averages.begin(self.model)
        self.network = Bfloat16(self.model) if self.options.bf16 else self.model
        self.single = compiled(self.network, self.device) if self.options.compile else self.network

    @property
    def evaluated(self) -> nn.Module:
        """The network that is validated, chosen as ``best`` and evaluated: the averaged one where there is one."""
        averaged = None if self.averages is None else self.averages.network
        return self.model if averaged is None else averaged

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return self.dataset.steps(self.options.batch_size, drop_last=self.options.drop_last)

    @property
    def steps_done(self) -> int:
        """Steps since the beginning."""
        return self.epoch * self.steps + self.step

    @property
    def skipping(self) -> bool:
        """Whether a batch with something that is not finite is left out, and does not end the run."""
        return self.options.on_nonfinite == "skip"

    @property
    def always_differentiates(self) -> bool:
        """Whether every step of the run has a term that differentiates, and none is compiled."""
        moments = (step / self.steps for step in range(self.options.epochs * self.steps))
        return all(_differentiates(Active.at(self.terms, moment)) for moment in moments)

    def run(
        self,
        *,
        save: Callable[[str, Checkpoint], None],
        record: Callable[[EpochRecord], None],
        progress: Callable[["Trainer"], None] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
        decided: Callable[[Decision], None] = lambda _: None,
    ) -> None:
        """Train from where it stands to the last epoch.

        Args:
            save: keeps a checkpoint under its name: ``best`` (highest validation accuracy, or lowest loss where
                there are no classes, the later of equals) before ``last``, so that a resumed run never misses one.
            record: keeps an epoch's record; called before the checkpoint that contains the epoch.
            progress: called after every step.
            stop: asked after every step.
            decided: keeps what a term decided before an epoch, before it is acted on.

        Raises:
            Interrupted: ``stop`` said so; ``last`` has been saved.
        """
        while self.epoch < self.options.epochs:
            self.model.train()
            begun = time.perf_counter()
            self.decide(decided)
            self.seconds += time.perf_counter() - begun
            batches = self.dataset.epoch(
                self.epoch,
                self.options.batch_size,
                seed=self.seed,
                start=self.step,
                drop_last=self.options.drop_last,
            )
            for batch in batches:
                begun = time.perf_counter()
                self._step(batch)
                if self.steps_done == 1:
                    # before hours are spent: an optimizer that keeps what cannot be saved is refused
                    optimizer_values(self.optimizer, self._given)
                if self.step == self.steps or self.steps_done % self.options.log_steps == 0:
                    self.meet()
                self.seconds += time.perf_counter() - begun
                progress(self)
                every = self.options.checkpoint_steps
                if stop():
                    save("last", self.checkpoint())
                    raise Interrupted
                if every and self.steps_done % every == 0:
                    save("last", self.checkpoint())
            self._finish_epoch(save, record)

    def decide(self, store: Callable[[Decision], None] = lambda _: None) -> None:
        """At the beginning of an epoch: let the terms that count in it prepare.

        Args:
            store: keeps a decision before it is acted on.
        """
        if self.step:
            # a run that goes on after an epoch's last step makes none before its end
            self._follow(self.epoch + (self.step - 1) / self.steps)
            return
        self._follow(self.epoch)
        if self.epoch in self.stages:
            self.costs.forget()
        ahead = [self.epoch + step / self.steps for step in range(self.steps)]
        for one in self.terms:
            if any(one.weight(moment) > 0 for moment in ahead):
                for decision in one.term.begin_epoch(self.look()):
                    store(decision)
                    self.costs.forget()

    def look(self) -> Look:
        """What a term may look at, at the epoch under way."""
        return Look(self.epoch, self.network, self.objective, self.setting, self.copies, self._first)

    def _step(self, batch: Batch) -> None:
        """One update, timed against a plain one where that is not known."""
        now = self.epoch + self.step / self.steps
        # a network that is compiled for one of the two alone would be compiled anew for this, and a plain pass
        # over a whole batch may need more memory than there is
        can = self.single is self.network and self.options.micro_batch is None
        if can and self.costs.wanted(active := Active.at(self.terms, now)):

            def plain() -> None:
                self._again(batch, [PLAIN], now)

            # it is no part of the training
            self.seconds -= self.costs.measure(active, plain, lambda: self.take_step(batch))
        else:
            self.take_step(batch)

    def take_step(self, batch: Batch) -> None:
        """One update of the parameters."""
        now = self.epoch + self.step / self.steps
        self._follow(now)
        active = Active.at(self.terms, now)
        self.optimizer.zero_grad()
        buffers = [buffer.clone() for buffer in self._buffers()] if self.skipping else []
        loss, made = self._gradients(batch, active, now)
        done = finite_step(self.optimizer, loss, lambda: self._again(batch, active, now))
        for buffer, old in zip(self._buffers() if buffers else (), buffers, strict=True):
            buffer.copy_(torch.where(done, buffer, old))
        if self.averages is not None and self.averages.every == "step":
            self.averages.move(self.model, done)
        self.step += 1
        self.ledger.note(self.steps_done, len(batch), loss, made, done)

    def _gradients(self, batch: Batch, active: Sequence[Active], now: float) -> tuple[Tensor, list[Made]]:
        """Add the gradients of a step's loss to those of the parameters."""
        # a network of the user's own may draw from the global state (dropout): its draws are repeatable too
        seeds.seed_globally(seeds.derive(self.seed, "layers", self.steps_done))
        draws = Draws(self.seed, self.steps_done, self.device)
        network = self.network if _differentiates(active) else self.single

        def make(some: Batch) -> Pass:
            return Pass(network, self.objective, some, now, self.setting, draws, self.copies)

        with compile_failure_named(), self.costs.gradients():
            return add_gradients(
                make,
                active,
                batch,
                part=self._part(len(batch), active),
                micro_batch=None if all(one.term.plain for one in active) else self.options.micro_batch,
            )

    def _again(self, batch: Batch, active: Sequence[Active], now: float) -> Tensor:
        """The same step's loss and gradients at other weights: statistics and memories stay as they are."""
        buffers = [buffer.clone() for buffer in self._buffers()]
        loss, _ = self._gradients(batch, active, now)
        with torch.no_grad():
            for buffer, old in zip(self._buffers(), buffers, strict=True):
                buffer.copy_(old)
        return loss

    def meet(self) -> None:
        """Read back from the device how the epoch goes; what was not finite since the last meeting ends the run.

        Raises:
            NumericalError: something was not, or with ``on_nonfinite=skip`` it was so in every batch of the epoch;
                no weight was changed by it.
        """
        read = self.ledger.read()
        if read.refusal is not None and (not self.skipping or read.refused == self.steps):
            raise read.refusal.error(self.steps, skipping=self.skipping)
        self.means = read.means
        if read.bad:
            self._refuse(read.bad, self.steps_done)

    @cached_property
    def data(self) -> dict[str, Any]:
        """What tells the data set from others."""
        return facts(self.dataset)

    def checkpoint(self) -> Checkpoint:
        """Everything needed to go on from here; refused where a value is not finite."""
        self._require_finite()
        info: dict[str, Any] = {"epoch": self.epoch, "step": self.step, "seconds": self.seconds, "best": self.best}
        info["selection"] = {"rule": "last epoch", "part": None}
        info["data"] = self.data
        remembered, info["terms"] = terms_state(self.terms)
        info["optimizer"] = optimizer_values(self.optimizer, self._given)
        state = {**self.ledger.state_dict(), **optimizer_tensors(self.optimizer)}
        state |= copies_state(self.copies) | remembered
        state |= {} if self.averages is None else self.averages.state_dict()
        return Checkpoint(self.model.state_dict(), state, info)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to where a checkpoint was made."""
        self.model.load_state_dict(dict(checkpoint.weights))
        restore_copies(self.copies, checkpoint.state)
        restore_optimizer(self.optimizer, checkpoint.state, checkpoint.info["optimizer"])
        self.ledger.load_state_dict(checkpoint.state)
        if self.averages is not None:
            self.averages.load_state_dict(checkpoint.state)
        info = checkpoint.info
        self.epoch, self.step = info["epoch"], info["step"]
        self.seconds, self.best = info["seconds"], info["best"]
        restore_terms(self.terms, checkpoint.state, info["terms"], self.device)
        self.means = {}

    def running(self) -> dict[str, float]:
        """Means over the epoch so far, by name: ``loss``, ``accuracy``, the terms' and their figures'."""
        return self.ledger.read().means

    def weight(self, name: str, epoch: float) -> float:
        """The weight of a term at an epoch with its fraction; 0 of one that is not there."""
        return next((one.weight(epoch) for one in self.terms if one.name == name), 0.0)

    def _copies(self) -> dict[str, nn.Module]:
        """The terms' further networks, by draws that repeat; their parameters are trained with the model's."""
        found: dict[str, nn.Module] = {}
        with torch.random.fork_rng(devices=[]):
            for one in self.terms:
                torch.manual_seed(seeds.derive(self.seed, "copies", one.name))
                made = one.term.copies(self.model)
                if twice := found.keys() & made.keys():
                    raise ValueError(f"two terms have a network called {min(twice)}: give one another name")
                found |= made
        for network in found.values():
            network.to(self.device)
            if trained := [p for p in network.parameters() if p.requires_grad]:
                self.optimizer.add_param_group({"params": trained})
        return found

    def _buffers(self) -> Iterator[Tensor]:
        """What a forward pass may change: of the model, and of the terms' networks."""
        yield from self.model.buffers()
        for network in self.copies.values():
            yield from network.buffers()

    def _follow(self, now: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr(now)
        for one in self.follows:
            one.at(now)

    def _first(self, n: int) -> Iterator[Batch]:
        """The first examples of the epoch under way, as they will be seen in it."""
        size = min(self.options.batch_size, self.options.micro_batch or self.options.batch_size)
        for batch in self.dataset.epoch(self.epoch, size, seed=self.seed):
            yield batch[:n]
            n -= len(batch)
            if n <= 0:
                return

    def _part(self, size: int, active: Sequence[Active]) -> list[int] | None:
        """Positions of the examples of a batch that a term with a fraction is taken of; None for all."""
        fraction = min(one.fraction for one in active)
        if fraction == 1:
            return None
        few = max(1, round(fraction * size))
        shuffle = seeds.generator("cpu", self.seed, "fraction", self.steps_done)
        return torch.randperm(size, generator=shuffle)[:few].tolist()

    def _finish_epoch(
        self, save: Callable[[str, Checkpoint], None], record: Callable[[EpochRecord], None]
    ) -> None:
        self._require_finite()
        self._average()
        validated = validate(self.evaluated, self.dataset.validation, self.objective)
        if validated and not math.isfinite(validated[0]):
            self._refuse("the validation loss", self.steps_done)
        line = self._record(validated)
        self.epoch, self.step, self.seconds = self.epoch + 1, 0, 0.0
        self.means = {}
        self.ledger.clear()
        improved = self._improved(line)
        record(line)
        checkpoint = self.checkpoint()
        if improved:
            rule = "highest validation accuracy" if self.dataset.classes else "lowest validation loss"
            chosen = {**checkpoint.info, "selection": {"rule": rule, "part": "validation"}}
            spared = {f"{TERM}{one.name}.{name}" for one in self.terms for name in one.term.dispensable}
            state = {name: t for name, t in checkpoint.state.items() if name not in spared}
            save("best", replace(checkpoint, info=chosen, state=state))
        save("last", checkpoint)

    def _average(self) -> None:
        """At an epoch's end: move the average where it moves then, and make it fit for use."""
        if self.averages is None:
            return
        if self.averages.every == "epoch" and self.averages.due(self.epoch + 1):
            self.averages.move(self.model, torch.ones((), dtype=torch.bool))
        size = min(self.options.batch_size, len(self.dataset.train))
        batches = self.dataset.train.batches(size)
        # a last batch of few would count as much as the others
        self.averages.settle(batch.inputs for batch in batches if len(batch) == size)

    def _improved(self, line: EpochRecord) -> bool:
        """Whether no epoch before was better, by accuracy or, without classes, by loss; remembers the best."""
        sign, reached = 1, line.validation_accuracy
        if reached is None:
            sign, reached = -1, line.validation_loss
        if reached is None or (self.best is not None and sign * reached < sign * self.best):
            return False
        self.best = reached
        return True

    def _record(self, validated: tuple[float, float | None] | None) -> EpochRecord:
        """The epoch's line; learning rate and weights are those of its last step."""
        read, last = self.ledger.read(), self.epoch + (self.step - 1) / self.steps
        own = ("loss", OBJECTIVE, REGULARIZER, "accuracy")
        figures = {name: value for name, value in read.means.items() if name not in own}
        for one in Active.at(self.terms, last):
            ended = one.term.end_epoch(self.look())
            figures |= {f"{one.name}.{name}": value for name, value in ended.items()}
        return EpochRecord(
            epoch=self.epoch + 1,
            steps=self.steps_done,
            seconds=self.seconds,
            loss=read.means["loss"],
            task_loss=read.means[OBJECTIVE],
            accuracy=read.means.get("accuracy"),
            penalty=read.means.get(REGULARIZER),
            validation_loss=validated[0] if validated else None,
            validation_accuracy=validated[1] if validated else None,
            lr=self.lr(last),
            weight=self.weight(REGULARIZER, last),
            task_weight=self.weight(OBJECTIVE, last),
            task=self.measure(self.evaluated, self.dataset.validation) if self.measure and validated else None,
            memory=peak_memory(self.device),
            skipped=read.refused,
            figures=figures,
            cost=self.costs.of(Active.at(self.terms, last)),
        )

    def _require_finite(self) -> None:
        self.meet()
        # one look for all parameters: the host waits once
        if not torch.stack([p.isfinite().all() for p in self.model.parameters()]).all():
            self._refuse("weights", self.steps_done)

    def _refuse(self, what: str, step: int) -> NoReturn:
        epoch, of_epoch = divmod(step - 1, self.steps)
        raise NumericalError(
            f"{what} became infinite or not a number",
            f"epoch {epoch + 1}, step {of_epoch + 1} of {self.steps}",
            REMEDY,
        )


def _differentiates(active: Sequence[Active]) -> bool:
    return any(one.term.differentiates for one in active)
