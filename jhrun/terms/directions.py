"""Who finds the directions of each penalty, and what is remembered of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from jhrun import seeds
from jhrun.linalg import Auto, Solver, Tracked
from jhrun.linalg.auto import solver_named
from jhrun.penalties import Penalty
from jhrun.records import Decision
from jhrun.terms.deciding import EXAMPLES, chosen, due, measurements
from jhrun.terms.step import Setting
from jhrun.terms.term import Look


@dataclass
class Directions:
    """The solvers of some penalties, their memories and, under ``solver=auto``, what was decided.

    Attributes:
        penalties: that they serve.
        solver: as configured.
        tracked: the memory of each penalty's directions, by its number, where there is one.
        decisions: of ``auto``, in the order in which they were made.
    """

    penalties: Sequence[Penalty]
    solver: Solver
    tracked: dict[int, Tracked] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)

    def solvers(self, setting: Setting) -> list[Solver]:
        """One for each penalty; one with a memory has one of its own for each."""
        numbers = range(len(self.penalties))
        if isinstance(self.solver, Tracked):
            return [self._memory(number, self.solver, setting) for number in numbers]
        if not isinstance(self.solver, Auto):
            return [self.solver] * len(self.penalties)
        return [self._decided(number, self.solver, setting) for number in numbers]

    def decide(self, look: Look) -> Iterator[Decision]:
        """Measure and decide, where the choice is left to us and the epoch is one that begins so.

        Args:
            look: at the epoch that is about to begin.

        Yields:
            The decisions.
        """
        auto = self.solver
        if not isinstance(auto, Auto):
            return
        for number in self.undecided(look.epoch, look.setting.stages):
            penalty = self.penalties[number]
            batches = list(look.first(EXAMPLES))
            remembers = _remembers(penalty, look.setting)
            memory = self._memory(number, auto.memory, look.setting) if remembers else None
            seed = seeds.derive(look.setting.seed, "decision", look.epoch)
            tried = measurements(auto, penalty, look.model, look.objective, batches, memory, seed)
            taken = chosen(tried, auto.truth)
            examples = sum(map(len, batches))
            decision = Decision(
                look.epoch + 1,
                number,
                type(penalty).__name__,
                taken.solver,
                taken.n,
                auto.truth,
                examples,
                tuple(tried),
                auto.costs,
            )
            self.decisions.append(decision)
            yield decision

    def undecided(self, epoch: int, stages: Sequence[int]) -> list[int]:
        """Numbers of the penalties for which ``auto`` is to decide before an epoch.

        Args:
            epoch: that is about to begin.
            stages: first epochs of the stages of the run's schedules.

        Returns:
            The numbers; none under another solver.
        """
        if not isinstance(self.solver, Auto):
            return []
        missing = []
        for number in range(len(self.penalties)):
            made = [d.epoch - 1 for d in self.decisions if d.penalty == number]
            if epoch not in made and (not made or due(epoch, stages)):
                missing.append(number)
        return missing

    def iterations(self, epoch: int) -> int | None:
        """Of the first penalty's solver in an epoch; None where it does not iterate."""
        decided = [d for d in self.decisions if d.penalty == 0 and d.epoch <= epoch + 1]
        if decided:
            return decided[-1].n or None
        return getattr(self.solver, "iterations", None)

    def state(self) -> dict[str, Tensor]:
        """The memories as named tensors, to be saved."""
        return {
            f"{number}.{name}": tensor
            for number, tracked in self.tracked.items()
            for name, tensor in tracked.state_dict().items()
        }

    def restore(
        self, state: Mapping[str, Tensor | Any], decisions: Sequence[Decision], device: torch.device
    ) -> None:
        """Go back to what was remembered and decided, bit for bit.

        Args:
            state: saved tensors, the memories' among them.
            decisions: that were made by then.
            device: of the network.
        """
        self.decisions = list(decisions)
        self.tracked.clear()
        wanted = self.solver.memory if isinstance(self.solver, Auto) else self.solver
        for number in range(len(self.penalties)):
            prefix = f"{number}."
            kept = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            if kept and isinstance(wanted, Tracked):
                self.tracked[number] = wanted.over(len(kept["known"]))
                self.tracked[number].load_state_dict(kept, device)

    def _memory(self, number: int, wanted: Tracked, setting: Setting) -> Tracked:
        known = self.tracked.setdefault(number, wanted.over(setting.examples))
        known.limit, known.then = wanted.limit, wanted.then
        return known

    def _decided(self, number: int, auto: Auto, setting: Setting) -> Solver:
        decision = [d for d in self.decisions if d.penalty == number][-1:]
        if not decision:
            return auto
        remembers = _remembers(self.penalties[number], setting)
        memory = self._memory(number, auto.memory, setting) if remembers else None
        return solver_named(decision[0].solver, decision[0].n, memory)


def _remembers(penalty: Penalty, setting: Setting) -> bool:
    """Whether what is found at one visit is worth anything at the next."""
    return penalty.frame == "outputs" or not setting.redrawn
