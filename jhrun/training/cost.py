"""What a training step costs, in plain steps: those on the task's loss alone, with the same optimizer."""

import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from jhrun.terms import Task
from jhrun.training.gradients import Active

ROUNDS = 3
"""Steps that are timed, after a first one, which may warm up."""

PLAIN = Active("objective", Task(), 1.0)


class Costs:
    """The costs of the steps that some terms make.

    A step takes W seconds, G of them in its k gradients: one, and those that the optimizer asks for again. The
    gradients of the task's loss alone take P seconds on the same batch and weights. Its cost is W / (k·P + W − G),
    since all else, as the update itself, belongs to a plain step too. The median over a few steps counts.

    Args:
        device: where the steps are made; while one is timed, the host waits for it.
        rounds: steps that are timed for each set of terms.
    """

    def __init__(self, device: torch.device, rounds: int = ROUNDS) -> None:
        """Nothing is known."""
        self._device, self._rounds = device, rounds
        self._known: dict[tuple[str, ...], list[float]] = defaultdict(list)
        self._met: Counter[tuple[str, ...]] = Counter()
        self._timing = False
        self._times: list[float] = []

    def of(self, active: Sequence[Active]) -> float | None:
        """The cost of a step with some terms; None where it was not measured.

        Args:
            active: terms.

        Returns:
            The median; 1 for terms that need the clean outputs alone.
        """
        if all(one.term.plain for one in active):
            return 1.0
        known = self._known.get(_names(active))
        return statistics.median(known) if known else None

    def forget(self) -> None:
        """From now on steps may cost something else: a schedule or a decision has changed them."""
        self._known.clear()

    def wanted(self, active: Sequence[Active]) -> bool:
        """Whether the next step, with some terms, is to be timed."""
        if all(one.term.plain for one in active) or len(self._known[_names(active)]) >= self._rounds:
            return False
        self._met[_names(active)] += 1
        return self._met[_names(active)] > 1

    @contextmanager
    def gradients(self) -> Iterator[None]:
        """Inside, the gradients of one loss are made."""
        begun = self._now() if self._timing else 0.0
        yield
        if self._timing:
            self._times.append(self._now() - begun)

    def measure(self, active: Sequence[Active], plain: Callable[[], None], step: Callable[[], None]) -> float:
        """Time a step, and beside it the gradients of a plain one.

        Args:
            active: the step's terms.
            plain: makes the gradients of the task's loss alone, and changes nothing else that lasts.
            step: makes the step.

        Returns:
            The seconds that the plain one took.
        """
        self._timing, self._times = True, []
        try:
            begun = self._now()
            plain()
            between = self._now()
            (of_plain,), self._times = self._times, []
            step()
            whole = self._now() - between
        finally:
            self._timing = False
        rest = whole - sum(self._times)
        self._known[_names(active)].append(whole / (len(self._times) * of_plain + rest))
        return between - begun

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


def _names(active: Sequence[Active]) -> tuple[str, ...]:
    return tuple(one.name for one in active)
