"""Who finds the directions of each penalty in each epoch, and what is remembered of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
            batch_size: how many examples are worked on at once.
            store: keeps a decision; called before anything is done by it.
        """
        auto = self.regularizer.solver(epoch)
        if not isinstance(auto, Auto):
            return
        for number in self.undecided(epoch):
            penalty = self.regularizer.penalties[number]
            batches = list(self._first(epoch, batch_size))
            memory = self._memory(number, auto.memory) if self._remembers(penalty) else None
            tried = measurements(
                auto, penalty, model, objective, batches, memory, seeds.derive(self.seed, "decision", epoch)
            )
            taken = chosen(tried, auto.truth)
            examples = sum(map(len, batches))
            decision = Decision(
                epoch + 1, number, taken.solver, taken.n, auto.truth, examples, tuple(tried), auto.costs
            )
            store(decision)
            self.decisions.append(decision)

    def undecided(self, epoch: int) -> list[int]:
        """Numbers of the penalties for which ``auto`` is to decide before an epoch."""
        if not isinstance(self.regularizer.solver(epoch), Auto):
            return []
        missing = []
        for number in range(len(self.regularizer.penalties)):
            made = [d.epoch - 1 for d in self.decisions if d.penalty == number]
            if epoch not in made and (not made or due(epoch, self.regularizer.stages)):
                missing.append(number)
        return missing

    def iterations(self, epoch: int) -> int | None:
        """Of the first penalty's solver in an epoch; None where it does not iterate."""
        decided = [d for d in self.decisions if d.penalty == 0 and d.epoch <= epoch + 1]
        if decided:
            return decided[-1].n or None
        return getattr(self.regularizer.solver(epoch), "iterations", None)

    def state(self) -> dict[str, Tensor]:
        """The memories as named tensors, to be saved."""
        return {
            f"tracked.{number}.{name}": tensor
            for number, tracked in self.tracked.items()
            for name, tensor in tracked.state_dict().items()
        }

    def restore(
        self, state: Mapping[str, Tensor], decisions: Sequence[Decision], epoch: int, device: torch.device
    ) -> None:
        """Go back to what was remembered and decided, bit for bit.

        Args:
            state: saved tensors, the memories' among them.
            decisions: that were made by then.
            epoch: under way.
            device: of the network.
        """
        self.decisions = list(decisions)
        self.tracked.clear()
        solver = self.regularizer.solver(epoch)
        wanted = solver.memory if isinstance(solver, Auto) else solver
        for number in range(len(self.regularizer.penalties)):
            prefix = f"tracked.{number}."
            kept = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            if kept and isinstance(wanted, Tracked):
                self.tracked[number] = wanted.over(len(self.dataset.train))
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
