"""``report.json``: a run's records in one document, the interface of a run for programs (docs/report.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jhrun.errors import RunError
from jhrun.folder import RunFolder
from jhrun.jsonio import DAMAGED, read_json, read_lines, require_fields
from jhrun.records import Decision, EpochRecord, EvaluationRecord, TaskRecord, TermRecord
from jhrun.reporting.joined import NOTHING, headline_of, single

SCHEMA_VERSION = 1

MOST_EPOCHS = 10_000
"""A report with more would be a file that no browser opens."""

_SHORTEST = 250
"""Bytes of an epoch's record, at least."""


def summarise(folder: RunFolder, config: dict[str, Any]) -> dict[str, Any]:
    """Gather a run's records.

    Args:
        folder: of the run.
        config: its stored configuration.

    Returns:
        The document; from ``evaluation`` to ``sources`` it is of the headline (``joined``), or of the evaluation
        that is pinned.
    """
    told = read_epochs(folder.metrics)
    status = read_json(folder.status)
    _consistent(folder, config, status, told.number)
    evaluations = {path.name: _evaluation(path, told.number) for path in folder.evaluations()}
    for name, record in evaluations.items():
        record["verdict"] = None if "task" in record else read_json(folder.evaluation(name) / "verdict.json")
    pinned, lost = _pinned(folder, evaluations)
    headline = _headline(folder, config, evaluations, pinned)
    return {
        "schema_version": SCHEMA_VERSION,
        "run": str(folder.path.absolute()),
        "status": status,
        "config": config,
        "environment": read_json(folder.environment),
        "seconds": told.seconds + sum(_seconds(evaluations[name]) for name in headline["joined"]),
        "pinned": pinned is not None,
        **headline,
        "terms": _terms(folder.terms),
        "epochs": told.kept,
        "decisions": list(read_lines(folder.decisions, Decision.ORDER)),
        "warnings": [*_warnings(folder), *told.skipped(), *lost],
        "evaluations": evaluations,
    }


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

    kept: list[dict[str, Any]] = field(default_factory=list)
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
    found, line = Epochs(), None
    for line in read_lines(path):
        found.number += 1
        require_fields(line, EpochRecord, path)
        if line["epoch"] != found.number:
            what = f"the record of epoch {found.number} is missing ({line['epoch']} is in its place)"
            raise RunError(what, str(path), "the run is damaged")
        found.seconds += line["seconds"]
        found.left_out += line["skipped"]
        found.first = found.first or (found.number if line["skipped"] else 0)
        if (found.number - 1) % every == 0:
            found.kept.append(line)
    if line is not None and found.kept[-1] is not line:
        found.kept.append(line)
    return found


def _consistent(folder: RunFolder, config: Mapping[str, Any], status: Mapping[str, Any], epochs: int) -> None:
    """Whether as many epochs are recorded as were trained."""
    asked = config["train"]["epochs"]
    if status["state"] == "finished" and epochs != asked:
        what = f"the run is finished, but {epochs} of its {asked} epochs are recorded"
        raise RunError(what, str(folder.metrics), "the run is damaged")


def _evaluation(path: Path, epochs: int) -> dict[str, Any]:
    """An evaluation's results: of this one, and of a network trained for no longer than is recorded."""
    record = read_json(path / "results.json")
    require_fields(record, TaskRecord if "task" in record else EvaluationRecord, path / "results.json")
    if record["name"] != path.name:
        raise RunError(f"is of an evaluation called {record['name']!r}", str(path), "the run is damaged")
    if not isinstance(record["epoch"], int) or record["epoch"] > epochs:
        what = f"is of epoch {record['epoch']}, but {epochs} are recorded"
        raise RunError(what, str(path), "the run is damaged")
    return record


def _terms(path: Path) -> list[dict[str, Any]]:
    """The terms of the loss in their own words."""
    try:
        return [TermRecord.of(entry).plain() for entry in read_json(path)["terms"]]
    except DAMAGED as error:
        raise RunError(f"is no record of terms ({error!r})", str(path), "the run is damaged") from error


def _warnings(folder: RunFolder) -> list[str]:
    """What was odd before training began."""
    return list(read_json(folder.warnings)["warnings"]) if folder.warnings.is_file() else []


def _seconds(record: dict[str, Any]) -> float:
    """Of the attacks, or of a regression task's measurement."""
    return float(sum(a["seconds"] for a in record.get("attacks", {}).values()) + record.get("seconds", 0))


def _pinned(folder: RunFolder, evaluations: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """The evaluation that is pinned, if one is, and a sentence where it is lost."""
    if not folder.pin.is_file():
        return None, []
    name = read_json(folder.pin)["evaluation"]
    if name in evaluations:
        return name, []
    return None, [f"evaluation {name}, which was pinned, is not there: the headline is made of all"]


def _headline(
    folder: RunFolder, config: Mapping[str, Any], evaluations: Mapping[str, Any], pinned: str | None
) -> dict[str, Any]:
    if not evaluations:
        return NOTHING
    return single(folder, evaluations, pinned) if pinned else headline_of(folder, config, evaluations)
