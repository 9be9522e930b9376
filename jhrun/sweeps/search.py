"""A search by Optuna: which settings are tried next, what they led to, and when a trial is given up."""

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import optuna
from optuna.distributions import BaseDistribution as Distribution
from optuna.distributions import CategoricalDistribution as Categorical
from optuna.distributions import FloatDistribution as Float
from optuna.distributions import IntDistribution as Int
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from jhrun.sweeps.lock import Lock

OBJECTIVES = ("clean", "worst_case")
"""What is to be large, on validation data."""

_LEAST = 3
"""Finished trials that a median is taken of at least."""

__all__ = ["OBJECTIVES", "Categorical", "Distribution", "Float", "Int", "Search", "TrialState", "below_median"]


class Search:
    """A study on disk, which several processes may work on.

    Its journal holds every trial. A trial that a process works on has a folder with its lock: one whose process
    has died is taken up again by the next that asks, so that there are never more trials than were asked for.

    Args:
        folder: of the sweep.
        space: what to draw each key from.
        trials: how many there are to be.
        seed: of the sampler.
        startup: trials drawn at random.
    """

    def __init__(
        self, folder: Path, space: Mapping[str, Distribution], *, trials: int, seed: int, startup: int
    ) -> None:
        """Open the study, or begin it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.space, self.trials = folder, dict(space), trials
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        journal = str(folder / "study.journal")
        # each process draws on its own, and a trial's number makes the draws of a study differ
        self.study = optuna.create_study(
            study_name="jhrun",
            storage=JournalStorage(JournalFileBackend(journal, JournalFileOpenLock(journal))),
            directions=["maximize"] * len(OBJECTIVES),
            load_if_exists=True,
        )
        self._sampler = lambda number: optuna.samplers.TPESampler(seed=seed + number, n_startup_trials=startup)

    @contextmanager
    def trial(self) -> Iterator[tuple[int, dict[str, Any]] | None]:
        """A trial to work on, locked for us as long as we do.

        Yields:
            Its number and settings; None where none is left that nobody works on.
        """
        taken = self._take()
        if taken is None:
            yield None
            return
        trial, lock = taken
        try:
            yield trial.number, dict(trial.params)
        finally:
            lock.__exit__(None, None, None)

    def tell(
        self, number: int, figures: Mapping[str, float] | None, state: TrialState = TrialState.COMPLETE
    ) -> None:
        """Keep what a trial led to.

        Args:
            number: of the trial.
            figures: by ``OBJECTIVES``; None where it led to none.
            state: complete, pruned or failed.
        """
        values = None if figures is None else [figures[name] for name in OBJECTIVES]
        self.study.tell(number, values, state=state)

    def under_way(self) -> bool:
        """Whether somebody works on a trial."""
        return any(trial.state == TrialState.RUNNING for trial in self.study.get_trials(deepcopy=False))

    def best(self) -> list[FrozenTrial]:
        """The trials that no other is better than in one figure, and as good in the other."""
        done = [t for t in self.study.get_trials(deepcopy=False) if t.state == TrialState.COMPLETE]
        return list(self.study.best_trials) if done else []

    def _take(self) -> tuple[Trial, Lock] | None:
        with (self.folder / "study.lock").open("a") as file:
            # between a look at the number of trials and a new one, nobody else may ask
            fcntl.flock(file, fcntl.LOCK_EX)
            known = self.study.get_trials(deepcopy=False)
            for left in known:
                if left.state == TrialState.RUNNING and not Lock.holder(self._place(left.number)):
                    lock = Lock(self._place(left.number)).__enter__()
                    # whoever had it may have told its end since we looked
                    if self._state(left.number) == TrialState.RUNNING:
                        return self._drawn(Trial(self.study, left._trial_id)), lock
                    lock.__exit__(None, None, None)
            if len(known) >= self.trials:
                return None
            self.study.sampler = self._sampler(len(known))  # type: ignore[no-untyped-call]
            trial = self.study.ask()
            return self._drawn(trial), Lock(self._place(trial.number)).__enter__()

    def _drawn(self, trial: Trial) -> Trial:
        # of a trial that was left half drawn, the rest is drawn now
        for key, distribution in self.space.items():
            _draw(trial, key, distribution)
        return trial

    def _state(self, number: int) -> TrialState:
        return self.study.get_trials(deepcopy=False)[number].state

    def _place(self, number: int) -> Path:
        place = self.folder / "trials" / str(number)
        place.mkdir(parents=True, exist_ok=True)
        return place


def _draw(trial: Trial, key: str, distribution: Distribution) -> None:
    """Let a trial have a value for a key, unless it has one."""
    if isinstance(distribution, Float):
        trial.suggest_float(key, distribution.low, distribution.high, log=distribution.log)
    elif isinstance(distribution, Int):
        trial.suggest_int(key, distribution.low, distribution.high, log=distribution.log)
    else:
        assert isinstance(distribution, Categorical)
        trial.suggest_categorical(key, distribution.choices)


def below_median(curve: Sequence[Mapping[str, float]], others: Sequence[Sequence[Mapping[str, float]]]) -> bool:
    """Whether a trial is worth no more time: its best so far is below the median of the others', in every figure.

    Trials trade one figure for another; one that is ahead in either may still be on the front.

    Args:
        curve: after each of its epochs, ``epoch``, ``clean`` and ``pgd20``.
        others: the same of trials that were finished.

    Returns:
        False where there are fewer than three others.

    Example:
        >>> low, high = [{"epoch": 1, "clean": 0.2, "pgd20": 0.1}], [{"epoch": 1, "clean": 0.9, "pgd20": 0.5}]
        >>> below_median(low, [high] * 3), below_median(low, [high] * 2), below_median(high, [low] * 3)
        (True, False, False)
    """
    if not curve:
        return False
    epoch = curve[-1]["epoch"]
    so_far = [seen for other in others if (seen := [line for line in other if line["epoch"] <= epoch])]
    if len(so_far) < _LEAST:
        return False

    def best(lines: Sequence[Mapping[str, float]], name: str) -> float:
        return max(line[name] for line in lines)

    return all(best(curve, name) < median(best(other, name) for other in so_far) for name in ("clean", "pgd20"))
