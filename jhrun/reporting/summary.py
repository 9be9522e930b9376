"""A run's records, read into one document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jhrun.errors import RunError
from jhrun.evaluation.store import analyses_in, load_analysis
from jhrun.folder import RunFolder
from jhrun.jsonio import read_lines, read_record, typed
from jhrun.records import (
    BackgroundRecord,
    Decision,
    EnvironmentRecord,
    EpochRecord,
    EvaluationRecord,
    StatusRecord,
    TermRecord,
    Verdict,
)
from jhrun.reporting.document import SCHEMA_VERSION, Evaluated, Headline, Report, Setup, setup_of
from jhrun.reporting.joined import headline_of, single

MOST_EPOCHS = 10_000
"""A report with more would be a file that no browser opens."""

_SHORTEST = 250
"""Bytes of an epoch's record, at least."""


@dataclass(frozen=True)
class _Terms:
    terms: tuple[TermRecord, ...]


@dataclass(frozen=True)
class _Warnings:
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Pin:
    evaluation: str


def summarise(folder: RunFolder, config: Mapping[str, Any]) -> Report:
    """Gather a run's records.

    Args:
        folder: of the run.
        config: its stored configuration.

    Returns:
        The document; its headline is of the evaluations that ``joined`` names, or of the one that is pinned.
    """
    told, setup = read_epochs(folder.metrics), setup_of(config, folder.path)
    status = read_record(folder.status, StatusRecord)
    _consistent(folder, setup, status, told.number)
    evaluations = {path.name: _evaluation(path, told.number) for path in folder.evaluations()}
    pinned, lost = _pinned(folder, evaluations)
    headline = _headline(folder, setup, evaluations, pinned)
    decisions = read_lines(folder.decisions, Decision.ORDER)
    return Report(
        **vars(headline),
        schema_version=SCHEMA_VERSION,
        run=str(folder.path.absolute()),
        status=status,
        config=config,
        environment=read_record(folder.environment, EnvironmentRecord),
        background=_background(folder),
        seconds=told.seconds + sum(evaluations[name].seconds for name in headline.joined),
        pinned=pinned is not None,
        terms=read_record(folder.terms, _Terms).terms,
        epochs=tuple(told.kept),
        decisions=tuple(typed(line, Decision, folder.decisions) for line in decisions),
        warnings=(*_warnings(folder), *told.skipped(), *lost),
        evaluations=evaluations,
    )


@dataclass
class Epochs:
    """What ``metrics.jsonl`` holds.

    Attributes:
        kept: its records, or if a report cannot show so many, ``MOST_EPOCHS`` at most, evenly, and the last.
        number: how many records there are.
        seconds: of all of them.
        left_out: batches that were skipped, in all.
        first: the first epoch with such a batch.
    """

    kept: list[EpochRecord] = field(default_factory=list)
    number: int = 0
    seconds: float = 0.0
    left_out: int = 0
    first: int = 0

    def skipped(self) -> list[str]:
        """A sentence on the batches that were left out, if there are any."""
        if not self.left_out:
            return []
        return [
            f"train.on_nonfinite=skip left out {self.left_out} batches whose loss, penalty or gradient was not "
            f"finite, the first in epoch {self.first}: the network was trained on less than it seems"
        ]


def read_epochs(path: Path) -> Epochs:
    """The records of ``metrics.jsonl``.

    Args:
        path: of the file.

    Returns:
        What it holds.

    Raises:
        RunError: a record is damaged or missing.
    """
    every = 1 + (path.stat().st_size // _SHORTEST // MOST_EPOCHS if path.is_file() else 0)
    found, epoch = Epochs(), None
    for line in read_lines(path):
        found.number += 1
        epoch = typed(line, EpochRecord, path)
        if epoch.epoch != found.number:
            what = f"the record of epoch {found.number} is missing ({epoch.epoch} is in its place)"
            raise RunError(what, str(path), "the run is damaged")
        found.seconds += epoch.seconds
        found.left_out += epoch.skipped
        found.first = found.first or (found.number if epoch.skipped else 0)
        if (found.number - 1) % every == 0:
            found.kept.append(epoch)
    if epoch is not None and found.kept[-1] is not epoch:
        found.kept.append(epoch)
    return found


def _consistent(folder: RunFolder, setup: Setup, status: StatusRecord, epochs: int) -> None:
    """Whether as many epochs are recorded as were trained."""
    asked = setup.train.epochs
    if status.state == "finished" and epochs != asked:
        what = f"the run is finished, but {epochs} of its {asked} epochs are recorded"
        raise RunError(what, str(folder.metrics), "the run is damaged")


def _evaluation(path: Path, epochs: int) -> Evaluated:
    """An evaluation's results: of this one, and of a network trained for no longer than is recorded."""
    record = read_record(path / "results.json", EvaluationRecord)
    if record.name != path.name:
        raise RunError(f"is of an evaluation called {record.name!r}", str(path), "the run is damaged")
    if record.epoch > epochs:
        what = f"is of epoch {record.epoch}, but {epochs} are recorded"
        raise RunError(what, str(path), "the run is damaged")
    analyses, verdict = tuple(analyses_in(path)), None
    if "verdict" in analyses:
        file = path / "analyses" / "verdict.json"
        verdict = typed(load_analysis(path, "verdict", drawn=False).record, Verdict, file)
    return Evaluated(**vars(record), verdict=verdict, analyses=analyses)


def _background(folder: RunFolder) -> BackgroundRecord:
    """What a paper says of the run beside its configuration; nothing of runs of old."""
    found = folder.background
    return read_record(found, BackgroundRecord) if found.is_file() else BackgroundRecord()


def _warnings(folder: RunFolder) -> tuple[str, ...]:
    """What was odd before training began."""
    return read_record(folder.warnings, _Warnings).warnings if folder.warnings.is_file() else ()


def _pinned(folder: RunFolder, evaluations: Mapping[str, Evaluated]) -> tuple[str | None, list[str]]:
    """The evaluation that is pinned, if one is, and a sentence where it is lost."""
    if not folder.pin.is_file():
        return None, []
    name = read_record(folder.pin, _Pin).evaluation
    if name in evaluations:
        return name, []
    return None, [f"evaluation {name}, which was pinned, is not there: the headline is made of all"]


def _headline(
    folder: RunFolder, setup: Setup, evaluations: Mapping[str, Evaluated], pinned: str | None
) -> Headline:
    if not evaluations:
        return Headline()
    return single(folder, evaluations, pinned) if pinned else headline_of(folder, setup, evaluations)
