"""Who finds the directions of each penalty in each epoch, and what is remembered of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from jhrun import seeds
from jhrun.data import Dataset
from jhrun.linalg import Auto, Solver, Tracked
from jhrun.linalg.auto import solver_named
from jhrun.objectives import Objective
from jhrun.penalties import Penalty
from jhrun.records import Batch, Decision
from jhrun.training.deciding import EXAMPLES, chosen, due, measurements
from jhrun.training.options import Regularizer


@dataclass
class Directions:
    """The solvers of a run, their memories and, under ``solver=auto``, what was decided.

    Attributes:
        regularizer: whose penalties they serve.
        dataset: what is trained on.
        seed: of the run.
        tracked: the memory of each penalty's directions, by its number, where there is one.
        decisions: of ``auto``, in the order in which they were made.
    """

    regularizer: Regularizer
    dataset: Dataset
    seed: int
    tracked: dict[int, Tracked] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)

    def solvers(self, epoch: int) -> list[Solver]:
        """One for each penalty; one with a memory has one of its own for each."""
        solver = self.regularizer.solver(epoch)
        penalties = self.regularizer.penalties
        if isinstance(solver, Tracked):
            return [self._memory(number, solver) for number in range(len(penalties))]
        if not isinstance(solver, Auto):
            return [solver] * len(penalties)
        return [self._decided(number, solver) for number in range(len(penalties))]

    def decide(
        self,
        epoch: int,
        model: nn.Module,
        objective: Objective,
        batch_size: int,
        store: Callable[[Decision], None],
    ) -> None:
        """Measure and decide, where the choice is left to us and the epoch is one that begins so.

        Args:
            epoch: that is about to begin.
            model: in training mode.
            objective: the task's loss.
            batch_size: of training.
            store: keeps a decision; called before anything is done by it.
        """
        auto = self.regularizer.solver(epoch)
        if not isinstance(auto, Auto):
            return
        for number, penalty in enumerate(self.regularizer.penalties):
            before = [d.epoch for d in self.decisions if d.penalty == number]
            if epoch in before or (before and not due(epoch, self.regularizer.stages)):
                continue
            batches = list(self._first(epoch, batch_size))
            memory = self._memory(number, auto.memory) if self._remembers(penalty) else None
            # a network of the user's own may draw from the global state (dropout)
            torch.manual_seed(seeds.derive(self.seed, "layers of a decision", epoch))
            random = seeds.generator(batches[0].inputs.device, self.seed, "decision", epoch)
            tried = measurements(auto, penalty, model, objective, batches, memory, random)
            taken = chosen(tried, auto.truth)
            examples = sum(map(len, batches))
            decision = Decision(
                epoch, number, taken.solver, taken.n, auto.truth, examples, tuple(tried), auto.costs
            )
            store(decision)
            self.decisions.append(decision)

    def state(self) -> dict[str, Tensor]:
        """The memories as named tensors, to be saved."""
        return {
            f"tracked.{number}.{name}": tensor
            for number, tracked in self.tracked.items()
            for name, tensor in tracked.state_dict().items()
        }

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Back from saved tensors, bit for bit."""
        self.tracked.clear()
        for number in range(len(self.regularizer.penalties)):
            prefix = f"tracked.{number}."
            kept = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            if kept:
                self.tracked[number] = Tracked()
                self.tracked[number].load_state_dict(kept, device)

    def _memory(self, number: int, wanted: Tracked) -> Tracked:
        known = self.tracked.setdefault(number, wanted.over(len(self.dataset.train)))
        known.limit, known.then = wanted.limit, wanted.then
        return known

    def _decided(self, number: int, auto: Auto) -> Solver:
        decision = [d for d in self.decisions if d.penalty == number][-1:]
        if not decision:
            return auto
        remembers = self._remembers(self.regularizer.penalties[number])
        return solver_named(
            decision[0].solver, decision[0].n, self._memory(number, auto.memory) if remembers else None
        )

    def _remembers(self, penalty: Penalty) -> bool:
        """Whether what is found at one visit is worth anything at the next."""
        augmented = self.dataset.crop > 0 or self.dataset.flip
        return penalty.frame == "outputs" or not augmented or self.dataset.hold > 1

    def _first(self, epoch: int, batch_size: int) -> Iterator[Batch]:
        """The first examples of an epoch, as they will be seen in it."""
        left = EXAMPLES
        for batch in self.dataset.epoch(epoch, batch_size, seed=self.seed):
            yield batch[:left]
            left -= len(batch)
            if left <= 0:
                return
