"""The page: Markdown and one HTML file, of the same sections."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from arena import training
from arena.records import Job, Record
from arena.table import Section, Table
from arena.tuning import Programme
from jhrun.files import write_aside
from jhrun.reporting.ladder import Rung, ladder_picture
from jhrun.reporting.picture import Picture
from jhrun.reporting.style import own_style

HERE = Path(__file__).parent


def write(out: Path, programme: Programme, records: Mapping[Job, Record], command: str) -> list[Path]:
    """Write ``arena.md`` and ``arena.html``, and the ladder where there is a row.

    Args:
        out: folder.
        programme: all runs.
        records: finished ones.
        command: as typed.

    Returns:
        The files.
    """
    table = Table.of(programme, records)
    sections = [*table.sections(), _provenance(programme, records, command)]
    figure = ladder(table)
    folder = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    plain, marked = folder.overlay(), folder.overlay(autoescape=True)
    words = {"title": title(programme), "sections": sections, "ladder": figure}
    files: dict[Path, str | bytes] = {
        out / "arena.md": plain.get_template("page.md.j2").render(words),
        out / "arena.html": marked.get_template("page.html.j2").render(words),
    }
    if figure is not None:
        files |= {out / name: content for name, content in figure.files.items()}
    out.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        write_aside(path, text)
    return list(files)


@own_style()
def ladder(table: Table) -> Picture | None:
    """A rung for each row, at the radius of the selection; None without a row."""
    epsilon = table.programme.source.selected_at
    rungs = [
        Rung(
            row.name,
            float(np.mean(row.values("clean"))),
            float(np.mean(worst := row.values(f"worst {epsilon:g}"))),
            pgd=float(np.mean(row.values(f"pgd20 {epsilon:g}"))),
            seeds=tuple(worst),
            cost=row.cost,
        )
        for row in table.rows
    ]
    if not rungs:
        return None
    text = f"Worst case at ε = {epsilon:g}, clean accuracy, PGD-20: means over the seeds. Cost of a step."
    return ladder_picture("Ladder", text, rungs)


def title(programme: Programme) -> str:
    """What is compared, with activation and normalisation."""
    count = len(programme.seeds)
    return f"{programme.data}, B = {programme.budget:g} plain steps, {training.NETWORK}, {count} seeds"


def _provenance(programme: Programme, records: Mapping[Job, Record], command: str) -> Section:
    """Commit, command, machine, and what is missing."""
    mine = [r for job, r in records.items() if job.data == programme.data and job.budget == programme.budget]
    source = programme.source
    missing = programme.count(records)
    rows = [
        ["command", f"`{command}`"],
        ["commit", ", ".join(sorted({r["environment"]["commit"] for r in mine})) or "–"],
        ["machine", "; ".join(sorted({r["environment"]["machine"] for r in mine})) or "–"],
        ["processor time", f"{sum(r['seconds'] for r in mine) / 3600:.1f} h"],
        [
            "images",
            f"{source.train} to train, {source.tune} to tune, {source.select} to select, {source.test} to test",
        ],
        ["evaluated", "the network after the last step"],
        ["runs that are missing", str(missing) if missing else "none"],
    ]
    return Section("How it was made", ["The protocol is docs/protocol.md."], ["", ""], rows)
