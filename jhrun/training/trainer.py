"""The training loop: (1 − w)·task loss + w·penalty, epoch by epoch, restartable at any step."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from jhrun import seeds
from jhrun.data import Dataset, Part, facts
from jhrun.errors import NumericalError
from jhrun.objectives import Objective
from jhrun.records import Batch, Decision, EpochRecord
from jhrun.training.checkpoint import Checkpoint
from jhrun.training.directions import Directions
from jhrun.training.gradients import add_gradients
from jhrun.training.memory import peak_memory
from jhrun.training.options import Regularizer, TrainOptions
from jhrun.training.passes import Bfloat16, compile_failure_named, compiled
from jhrun.training.refusal import REMEDY, Refusal, none_refused, noted
from jhrun.training.schedules import Schedule
from jhrun.training.state import optimizer_tensors, restore_optimizer
from jhrun.training.terms import SUMS, Terms, means
from jhrun.training.update import finite_step
from jhrun.training.validation import validate


class Interrupted(Exception):  # noqa: N818 - it is a signal, not an error
    """Training was asked to stop; everything is saved."""


@dataclass
class Trainer:
    """A training run and where it stands.

    Everything random comes from ``seed`` through named streams, so that the cursor (epoch, step), the weights, the
    optimizer's state, the epoch's partial sums, and what is remembered and decided of directions are all there is
    to save.

    Attributes:
        model: inputs → outputs, on its device; it is what checkpoints hold, and what is validated.
        dataset: on the same device.
        objective: the task's loss.
        regularizer: what is added to it.
        optimizer: of the model's parameters.
        lr: learning rate, by epoch with fractions.
        options: of the loop.
        seed: of order, augmentation and starting vectors.
        epoch: epochs done.
        step: steps done in the epoch under way.
        sums: over its examples: of loss, task loss, right answers, penalty, relative residual.
        skipped: of its batches, and of their examples, how many were refused and are not in the sums.
        refused: why the first of them was, as ``noted`` keeps it.
        seconds: spent on it.
        means: over the epoch so far, as of the last meeting of host and device, by name; empty before the first.
        best: the best validation accuracy so far, or validation loss where there are no classes.
        directions: who finds them in each epoch, with what is remembered.
        measure: further figures of the validation part at each epoch's end, for the records.
        network: the model as training calls it.
        single: likewise where nothing is penalised, for one backward pass alone.
    """

    model: nn.Module
    dataset: Dataset
    objective: Objective
    regularizer: Regularizer
    optimizer: Optimizer
    lr: Schedule
    options: TrainOptions
    seed: int
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    measure: Callable[[nn.Module, Part], dict[str, float]] | None = None

    def __post_init__(self) -> None:
        """Begin the first epoch.

        Raises:
            ValueError: an epoch would have no step.
        """
        if self.steps == 0:
            raise ValueError(
                f"batch_size={self.options.batch_size} is more than the {len(self.dataset.train)} training "
                "examples, and drop_last leaves out batches that are not full"
            )
        self.sums = self._no_sums()
        self.skipped = torch.zeros(2, dtype=torch.float64, device=self.sums.device)
        self.refused = none_refused(self.sums.device)
        self.means: dict[str, float] = {}
        self.directions = Directions(self.regularizer, self.dataset, self.seed)
        self.network = Bfloat16(self.model) if self.options.bf16 else self.model
        self.single = compiled(self.network, self.sums.device) if self.options.compile else self.network

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
    def always_penalised(self) -> bool:
        """Whether every step of the run has a penalty."""
        return all(self._penalised(step / self.steps) for step in range(self.options.epochs * self.steps))

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
            decided: keeps what ``solver=auto`` decided, before it is acted on.

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
                self.take_step(batch)
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
        """At the beginning of an epoch under ``solver=auto``: choose how its directions are found.

        Args:
            store: keeps a decision before it is acted on.
        """
        ahead = (self.epoch + step / self.steps for step in range(self.steps))
        if self.step == 0 and self.directions.undecided(self.epoch) and any(map(self._penalised, ahead)):
            size = min(self.options.batch_size, self.options.micro_batch or self.options.batch_size)
            self.directions.decide(self.epoch, self.network, self.objective, size, store)

    def take_step(self, batch: Batch) -> None:
        """One update of the parameters."""
        now = self.epoch + self.step / self.steps
        # a network of the user's own may draw from the global state (dropout): its draws are repeatable too
        torch.manual_seed(seeds.derive(self.seed, "layers", self.steps_done))
        w = self._weight(now)
        random = seeds.generator(batch.inputs.device, self.seed, "direction", self.steps_done)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr(now)
        self.optimizer.zero_grad()
        buffers = [buffer.clone() for buffer in self.model.buffers()] if self.skipping else []
        with compile_failure_named():
            loss, parts = add_gradients(
                self.network if w > 0 else self.single,
                self.objective,
                self.regularizer.penalties,
                self.directions.solvers(self.epoch),
                batch,
                w,
                part=self._part(len(batch)),
                micro_batch=self.options.micro_batch,
                generator=random,
            )
        done = finite_step(self.optimizer, loss)
        for buffer, old in zip(self.model.buffers() if buffers else (), buffers, strict=True):
            buffer.copy_(torch.where(done, buffer, old))
        self.step += 1
        self._note(batch, loss, parts, done)

    def _note(self, batch: Batch, loss: Tensor, parts: Sequence[Terms], done: Tensor) -> None:
        """Sum up a step that was made; of one that was refused note why, and let no memory be told of it."""
        sums = self._no_sums()
        for part in parts:
            sums += part.observed(done)
        size = torch.full_like(loss, len(batch), dtype=torch.float64)
        self.sums += torch.where(done, sums, 0)
        self.skipped += torch.where(done, 0, torch.stack([torch.ones_like(size), size]))
        suspects = torch.cat([part.suspects() for part in parts])
        self.refused = noted(self.refused, done, self.steps_done, torch.cat([loss[None], sums[1:]]), suspects)

    def meet(self) -> None:
        """Read back from the device how the epoch goes; what was not finite since the last meeting ends the run.

        Raises:
            NumericalError: something was not, or with ``on_nonfinite=skip`` it was so in every batch of the epoch;
                no weight was changed by it.
        """
        sizes = [len(self.sums), len(self.skipped), len(self.refused)]
        numbers = torch.split(torch.cat([self.sums, self.skipped, self.refused]).cpu(), sizes)
        sums, (batches, examples), kept = (part.tolist() for part in numbers)
        refusal, seen = Refusal.of(kept), self._seen() - int(examples)
        if refusal is not None and (not self.skipping or batches == self.steps):
            raise refusal.error(self.steps, skipping=self.skipping)
        self.means = means(sums, seen) if seen else {}
        bad = [name for name, value in self.means.items() if not math.isfinite(value)]
        if bad:
            self._refuse(" and ".join(bad), self.steps_done)

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
        info["decisions"] = [decision.plain() for decision in self.directions.decisions]
        state = {"sums": self.sums, "skipped": self.skipped} | optimizer_tensors(self.optimizer)
        state |= self.directions.state()
        return Checkpoint(self.model.state_dict(), state, info)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to where a checkpoint was made."""
        self.model.load_state_dict(dict(checkpoint.weights))
        restore_optimizer(self.optimizer, checkpoint.state)
        self.sums = checkpoint.state["sums"].to(self.sums.device, copy=True)
        # an older version's checkpoint has none
        skipped = checkpoint.state.get("skipped", torch.zeros_like(self.skipped))
        self.skipped = skipped.to(self.sums.device, copy=True)
        info = checkpoint.info
        self.epoch, self.step = info["epoch"], info["step"]
        self.seconds, self.best = info["seconds"], info["best"]
        decisions = [Decision.of(line) for line in info.get("decisions", [])]
        self.directions.restore(checkpoint.state, decisions, self.epoch, self.sums.device)
        self.refused.zero_()
        self.means = {}

    def running(self) -> dict[str, float]:
        """Means over the epoch so far: loss, task_loss, accuracy; penalty and residual where there was one."""
        return means(self.sums.tolist(), self._seen() - int(self.skipped[1]))

    def _part(self, size: int) -> list[int] | None:
        """Positions of the examples of a batch that are penalised; None for all."""
        if self.regularizer.fraction == 1:
            return None
        few = max(1, round(self.regularizer.fraction * size))
        shuffle = seeds.generator("cpu", self.seed, "fraction", self.steps_done)
        return torch.randperm(size, generator=shuffle)[:few].tolist()

    def _penalised(self, epoch: float) -> bool:
        return self._weight(epoch) > 0

    def _weight(self, epoch: float) -> float:
        w = self.regularizer.weight(epoch) if self.regularizer.penalties else 0.0
        if not 0 <= w <= 1:
            raise ValueError(f"the penalty's weight is {w:g} at epoch {epoch:g}: it must lie in [0, 1]")
        return w

    def _finish_epoch(
        self, save: Callable[[str, Checkpoint], None], record: Callable[[EpochRecord], None]
    ) -> None:
        self._require_finite()
        validated = validate(self.model, self.dataset.validation, self.objective)
        if validated and not math.isfinite(validated[0]):
            self._refuse("the validation loss", self.steps_done)
        line = self._record(validated)
        self.epoch, self.step, self.seconds, self.sums = self.epoch + 1, 0, 0.0, self._no_sums()
        self.means = {}
        self.skipped.zero_()
        self.refused.zero_()
        improved = self._improved(line)
        record(line)
        checkpoint = self.checkpoint()
        if improved:
            rule = "highest validation accuracy" if self.dataset.classes else "lowest validation loss"
            chosen = {**checkpoint.info, "selection": {"rule": rule, "part": "validation"}}
            # nobody goes on from it: directions of all examples need not be kept twice
            state = {
                name: tensor for name, tensor in checkpoint.state.items() if name not in self.directions.state()
            }
            save("best", replace(checkpoint, info=chosen, state=state))
        save("last", checkpoint)

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
        """The epoch's line; lr, w and iterations are those of its last step."""
        means, last = self.running(), self.epoch + (self.step - 1) / self.steps
        penalised = self._penalised(last)
        return EpochRecord(
            epoch=self.epoch + 1,
            steps=self.steps_done,
            seconds=self.seconds,
            loss=means["loss"],
            task_loss=means["task_loss"],
            accuracy=None if self.dataset.train.targets.is_floating_point() else means["accuracy"],
            penalty=means["penalty"] if self.sums[-2] > 0 else None,
            residual=means["residual"] if self.sums[-1] > 0 else None,
            validation_loss=validated[0] if validated else None,
            validation_accuracy=validated[1] if validated else None,
            lr=self.lr(last),
            weight=self._weight(last),
            iterations=self.directions.iterations(self.epoch) if penalised else None,
            task=self.measure(self.model, self.dataset.validation) if self.measure and validated else None,
            memory=peak_memory(self.sums.device),
            skipped=int(self.skipped[0]),
        )

    def _seen(self) -> int:
        return min(self.step * self.options.batch_size, len(self.dataset.train))

    def _no_sums(self) -> Tensor:
        return torch.zeros(len(SUMS), dtype=torch.float64, device=self.dataset.train.targets.device)

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
