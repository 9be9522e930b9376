"""Which runs there are: the settings that are tried, the one that is chosen, and then the seeds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from arena.data import Source
from arena.methods import Method, Setting
from arena.records import Job, Record

SEED = 100
"""Of all tuning runs: none that is reported."""
BUDGET = 2_000
"""At which all settings are tried; a larger budget tries the two best again."""


@dataclass(frozen=True)
class Choice:
    """What tuning came to.

    Attributes:
        setting: the chosen one.
        short: whether no setting reached the clean accuracy that is asked for, so that the cleanest was taken.
        trials: all runs of the tuning, in their order.
    """

    setting: Setting
    short: bool
    trials: Sequence[Record]


def ranked(trials: Iterable[Record], source: Source) -> list[Record]:
    """Trials from the best to the worst.

    Args:
        trials: on selection images.
        source: the radius, and the clean accuracy that is asked for.

    Returns:
        First those that are clean enough, by worst case and then by clean accuracy; then the others, by clean
        accuracy. Of equals the earlier comes first.
    """
    worst = f"worst {source.selected_at:g}"

    def key(record: Record) -> tuple[bool, float, float]:
        clean, robust = record["accuracy"]["clean"], record["accuracy"][worst]
        enough = clean >= source.floor
        return (not enough, -robust if enough else -clean, -clean)

    return sorted(trials, key=key)


@dataclass(frozen=True)
class Programme:
    """All runs of an arena.

    Attributes:
        data: name of the data set.
        source: itself.
        methods: by name.
        budget: B, in plain steps.
        seeds: of the reported runs.
    """

    data: str
    source: Source
    methods: Mapping[str, Method]
    budget: float
    seeds: Sequence[int]

    def trials(self, name: str, records: Mapping[Job, Record], budget: float | None = None) -> list[Job]:
        """The tuning runs of a method, as far as they are known by now.

        Args:
            name: of the method.
            records: finished runs.
            budget: B; the programme's own if not given.

        Returns:
            At ``BUDGET`` or below the eight settings, and two more where the best of them lies on an edge. Above
            it, the tuning at ``BUDGET`` and then the two best again.
        """
        method, budget = self.methods[name], budget or self.budget
        if budget > BUDGET:
            first = self.trials(name, records, BUDGET)
            if missing := [job for job in first if job not in records]:
                return missing
            best = ranked([records[job] for job in first], self.source)[:2]
            return [self._trial(name, Job.of(record).setting, budget) for record in best]
        jobs = [self._trial(name, setting, budget) for setting in method.settings]
        if all(job in records for job in jobs):
            best = ranked([records[job] for job in jobs], self.source)[0]
            jobs += [self._trial(name, setting, budget) for setting in method.beyond(Job.of(best).setting)]
        return jobs

    def choice(self, name: str, records: Mapping[Job, Record]) -> Choice | None:
        """The setting of a method; None while a trial is missing."""
        jobs = self.trials(name, records)
        if any(job not in records for job in jobs):
            return None
        # the last of the two calls knows whether the best lies on an edge
        best = ranked([records[job] for job in jobs], self.source)[0]
        return Choice(
            Job.of(best).setting,
            best["accuracy"]["clean"] < self.source.floor,
            [records[job] for job in jobs],
        )

    def missing(self, records: Mapping[Job, Record]) -> Iterator[Job]:
        """Runs to make, the tuning of all methods first, then seed by seed, methods innermost.

        Args:
            records: finished runs; it may grow while this is read.

        Yields:
            Runs that it lacks.
        """
        for name in self.methods:
            while left := [job for job in self.trials(name, records) if job not in records]:
                yield left[0]
        for seed in self.seeds:
            for name in self.methods:
                job = self.seeded(name, seed, records)
                if job is not None and job not in records:
                    yield job

    def seeded(self, name: str, seed: int, records: Mapping[Job, Record]) -> Job | None:
        """The reported run of a method and a seed; None while its setting is not chosen."""
        choice = self.choice(name, records)
        if choice is None:
            return None
        setting = choice.setting
        return Job(self.data, name, setting.strength, setting.rate, seed, self.budget, "test")

    def count(self, records: Mapping[Job, Record]) -> int:
        """How many runs are missing, as far as is known by now."""
        trials = [job for name in self.methods for job in self.trials(name, records)]
        seeded = [self.seeded(name, seed, records) for name in self.methods for seed in self.seeds]
        return sum(job not in records for job in [*trials, *seeded])

    def _trial(self, name: str, setting: Setting, budget: float) -> Job:
        return Job(self.data, name, setting.strength, setting.rate, SEED, budget, "select")
