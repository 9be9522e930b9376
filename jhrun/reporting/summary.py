"""``report.json``: a run's records in one document, the interface of a run for programs (docs/report.md)."""

import json
from pathlib import Path
from typing import Any

from jhrun.errors import RunError
from jhrun.folder import RunFolder, read_json

SCHEMA_VERSION = 1


def summarise(folder: RunFolder, config: dict[str, Any]) -> dict[str, Any]:
    """Gather a run's records.

    Args:
        folder: of the run.
        config: its stored configuration.

    Returns:
        The document; from ``checkpoint`` to ``curvature`` the newest evaluation's.
    """
    epochs = read_lines(folder.metrics)
    evaluations = {path.name: read_json(path / "results.json") for path in folder.evaluations()}
    newest = list(evaluations.values())[-1] if evaluations else {}
    attacks = newest.get("attacks", {})
    return {
        "schema_version": SCHEMA_VERSION,
        "run": str(folder.path.absolute()),
        "status": read_json(folder.status),
        "config": config,
        "environment": read_json(folder.environment),
        "seconds": sum(part["seconds"] for part in (*epochs, *attacks.values()))
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
        "decisions": read_lines(folder.decisions),
        "warnings": [*_warnings(folder), *_skipped(epochs)],
        "evaluations": evaluations,
    }


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of ``metrics.jsonl`` or ``decisions.jsonl``; none if the file is not there yet.

    Args:
        path: of the file.

    Returns:
        One dictionary a line; a last line that was cut off by a crash is left out.

    Raises:
        RunError: a line is not JSON.
    """
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    try:
        lines = [json.loads(line) for line in whole.splitlines()]
    except ValueError as error:
        raise RunError(f"holds a line that is not JSON ({error})", str(path), "the run is damaged") from error
    if not all(isinstance(line, dict) and "epoch" in line for line in lines):
        raise RunError("holds a line that is no epoch's record", str(path), "the run is damaged")
    return lines


def _warnings(folder: RunFolder) -> list[str]:
    """What was odd before training began."""
    return list(read_json(folder.warnings)["warnings"]) if folder.warnings.is_file() else []


def _skipped(epochs: list[dict[str, Any]]) -> list[str]:
    """A sentence on the batches that were left out, if there are any; older versions knew of none."""
    found = {line["epoch"]: n for line in epochs if (n := line.get("skipped", 0))}
    if not found:
        return []
    total, first = sum(found.values()), min(found)
    return [
        f"train.on_nonfinite=skip left out {total} batches whose loss, penalty or gradient was not finite, the "
        f"first in epoch {first}: the network was trained on less than it seems"
    ]


def _beside(folder: RunFolder, evaluation: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A record that may lie beside an evaluation's results; None where it does not."""
    path = folder.evaluation(str(evaluation.get("name"))) / f"{name}.json"
    return read_json(path) if path.is_file() else None
