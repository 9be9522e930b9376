"""``report.json``: a run's records in one document, the interface of a run for programs (docs/report.md)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jhrun.errors import RunError
from jhrun.files import read_json, read_lines
from jhrun.folder import RunFolder

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
        The document; from ``checkpoint`` to ``curvature`` the newest evaluation's.
    """
    epochs, number, seconds = read_epochs(folder.metrics)
    status = read_json(folder.status)
    _consistent(folder, config, status, number)
    evaluations = {path.name: _evaluation(path, number) for path in folder.evaluations()}
    newest = list(evaluations.values())[-1] if evaluations else {}
    attacks = newest.get("attacks", {})
    return {
        "schema_version": SCHEMA_VERSION,
        "run": str(folder.path.absolute()),
        "status": status,
        "config": config,
        "environment": read_json(folder.environment),
        "seconds": seconds
        + sum(part["seconds"] for part in attacks.values())
        + (newest["seconds"] if "task" in newest else 0),
        "evaluation": newest.get("name"),
        "checkpoint": newest.get("checkpoint"),
        "verdict": _beside(folder, newest, "verdict"),
        # older versions noted no total: they took all examples
        "total": newest.get("total", (newest.get("clean") or {}).get("n")),
        "clean": newest.get("clean"),
        "attacks": attacks,
        "worst_case": newest.get("worst_case"),
        "task": newest.get("task"),
        "worst_case_norm": newest.get("worst_case_norm", "inf" if attacks else None),
        "per_class": newest.get("per_class") or None,
        "curve": newest.get("curve"),
        "curvature": _beside(folder, newest, "curvature"),
        "epochs": epochs,
        "decisions": list(read_lines(folder.decisions)),
        "warnings": read_json(folder.warnings)["warnings"] if folder.warnings.is_file() else [],
        "evaluations": evaluations,
    }


def read_epochs(path: Path) -> tuple[list[dict[str, Any]], int, float]:
    """The records of ``metrics.jsonl``, thinned where there are more than a report can show.

    Args:
        path: of the file.

    Returns:
        At most ``MOST_EPOCHS`` of the records, evenly, and the last; their number; and the seconds of all.

    Raises:
        RunError: a record is damaged or missing.
    """
    every = 1 + (path.stat().st_size // _SHORTEST // MOST_EPOCHS if path.is_file() else 0)
    kept, seconds, number, last = [], 0.0, 0, None
    for number, last in enumerate(read_lines(path), 1):
        if last.get("epoch") != number:
            what = f"the record of epoch {number} is missing ({last.get('epoch')} is in its place)"
            raise RunError(what, str(path), "the run is damaged")
        seconds += last["seconds"]
        if (number - 1) % every == 0:
            kept.append(last)
    if last is not None and kept[-1] is not last:
        kept.append(last)
    return kept, number, seconds


def _consistent(folder: RunFolder, config: Mapping[str, Any], status: Mapping[str, Any], epochs: int) -> None:
    """Whether as many epochs are recorded as were trained."""
    asked = config["train"]["epochs"]
    if status["state"] == "finished" and epochs != asked:
        what = f"the run is finished, but {epochs} of its {asked} epochs are recorded"
        raise RunError(what, str(folder.metrics), "the run is damaged")


def _evaluation(path: Path, epochs: int) -> dict[str, Any]:
    """An evaluation's results: of this one, and of a network trained for no longer than is recorded."""
    record = read_json(path / "results.json")
    if record.get("name") != path.name:
        raise RunError(f"is of an evaluation called {record.get('name')!r}", str(path), "the run is damaged")
    if not isinstance(record.get("epoch"), int) or record["epoch"] > epochs:
        what = f"is of epoch {record.get('epoch')}, but {epochs} are recorded"
        raise RunError(what, str(path), "the run is damaged")
    return record


def _beside(folder: RunFolder, evaluation: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A record that may lie beside an evaluation's results; None where it does not."""
    path = folder.evaluation(str(evaluation.get("name"))) / f"{name}.json"
    return read_json(path) if path.is_file() else None
