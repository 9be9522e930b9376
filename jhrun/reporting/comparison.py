"""Several runs beside each other: what differs between them, their figures, and their curves over each other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jhrun.folder import RunFolder, write_aside, write_json
from jhrun.reporting import tables, words
from jhrun.reporting.facts import describe, meaning
from jhrun.reporting.overlay import overlaid_curves, overlaid_data
from jhrun.reporting.picture import Picture
from jhrun.reporting.report import pages
from jhrun.reporting.summary import SCHEMA_VERSION, summarise

_NEVER = {"epochs", "time", "evaluated", "machine", "versions"}
"""Facts that do not name a run: they follow from what was asked for, or come last."""

_KEPT = (
    "run",
    "status",
    "seconds",
    "verdict",
    "total",
    "clean",
    "attacks",
    "worst_case",
    "worst_case_norm",
    "task",
    "epochs",
)
"""What ``comparison.json`` has of each run's report."""


def write_comparison(runs: Sequence[tuple[RunFolder, dict[str, Any]]], output: Path) -> list[tables.Row]:
    """Write ``comparison.json``, ``.md``, ``.html`` and ``figures/``; nothing in the runs is touched.

    Args:
        runs: folder and stored configuration of each.
        output: a folder; made if it is missing.

    Returns:
        The table, header first.
    """
    reports = [summarise(folder, config) for folder, config in runs]
    labels = label(reports)
    table = comparison_table(labels, reports)
    (output / "figures").mkdir(parents=True, exist_ok=True)
    curves = list(zip(labels, [r["epochs"] for r in reports], strict=True))
    text = (
        "Each run after each of its epochs: on the validation part, or on the training batches where it has none. "
        "A curve of what should be zero means something only where the loss has fallen."
    )
    picture = Picture.of("curves", "Curves", text, overlaid_curves(curves), overlaid_data(curves))
    for file, content in picture.files.items():
        write_aside(output / "figures" / file, content)
    kept = [{"label": name, **{key: r[key] for key in _KEPT}} for name, r in zip(labels, reports, strict=True)]
    write_json(output / "comparison.json", {"schema_version": SCHEMA_VERSION, "runs": kept})
    for ending, text in pages(
        "comparison",
        table=table,
        meanings=dict.fromkeys(meaning(report) for report in reports),
        pictures=[picture],
        tables=tables,
        name=output.name,
        runs=kept,
    ):
        write_aside(output / f"comparison.{ending}", text)
    return table


def label(reports: Sequence[dict[str, Any]]) -> list[str]:
    """What tells runs apart, in as few words as do it.

    Args:
        reports: of the runs.

    Returns:
        One label each: of the facts that differ (penalty, weight, solver, …) as many as it takes until all labels
        do; at last the folders' names.
    """
    facts = [dict(describe(report)) for report in reports]
    differing = [
        key
        for key in dict.fromkeys(key for f in facts for key in f)
        if key not in _NEVER and len({f.get(key) for f in facts}) > 1
    ]
    # the penalty is what these comparisons are about
    differing.sort(key=lambda key: key not in {"penalty", "weight w", "solver"})
    parts: list[list[str]] = [[] for _ in reports]
    for key in differing:
        if len({tuple(p) for p in parts}) == len(parts):
            break
        for part, f in zip(parts, facts, strict=True):
            part.append(f"{key} {f.get(key, '–')}")
    labels = [", ".join(part) for part in parts]
    if len(set(labels)) < len(labels):
        labels = [
            f"{text} ({Path(r['run']).name})".strip() if labels.count(text) > 1 else text
            for text, r in zip(labels, reports, strict=True)
        ]
    return labels


def comparison_table(labels: Sequence[str], reports: Sequence[dict[str, Any]]) -> list[tables.Row]:
    """One row a run, one column a figure that any of them has, and the time."""
    columns: dict[str, list[str]] = {}
    for i, report in enumerate(reports):
        found = tables.headline_table(report)[1:]
        for name, value, *_ in found:
            columns.setdefault(name, ["–"] * len(reports))[i] = value
    if any(r["verdict"] for r in reports):
        columns["verdict"] = [r["verdict"]["verdict"] if r["verdict"] else "–" for r in reports]
    if any(r["clean"] and words.subset(r["clean"]["n"], r["total"]) for r in reports):
        columns["test examples"] = [
            words.sample(r["clean"]["n"], r["total"]) if r["clean"] else "–" for r in reports
        ]
    header = ("run", *columns, "training and evaluation", "state")
    rows = [
        (name, *(column[i] for column in columns.values()), words.duration(r["seconds"]), r["status"]["state"])
        for i, (name, r) in enumerate(zip(labels, reports, strict=True))
    ]
    return [header, *rows]
