"""``report.json``, ``report.md``, ``report.html`` and ``figures/``: everything from the run's records."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from jhrun.files import write_together
from jhrun.folder import RunFolder
from jhrun.jsonio import as_json
from jhrun.reporting import tables
from jhrun.reporting.facts import describe, meaning
from jhrun.reporting.gallery import draw
from jhrun.reporting.sections import joined_words, sections
from jhrun.reporting.style import own_style
from jhrun.reporting.summary import summarise
from jhrun.reporting.text import markdown
from jhrun.reporting.verdict import box


@own_style()
def write_report(folder: RunFolder, config: dict[str, Any]) -> dict[str, Any]:
    """Write a run's report anew from its records.

    Args:
        folder: of the run.
        config: its stored configuration.

    Returns:
        The document that ``report.json`` holds.
    """
    report = summarise(folder, config)
    pictures = draw(folder, report)
    figures = folder.path / "figures"
    figures.mkdir(exist_ok=True)
    files: dict[Path, str | bytes] = {
        figures / name: content for picture in pictures for name, content in picture.files.items()
    }
    files[folder.path / "report.json"] = as_json(report)
    documents = pages(
        "report",
        report=report,
        verdict=box(report),
        pictures=pictures,
        facts=describe(report),
        headline=tables.headline_table(report),
        meaning=meaning(report),
        joined=joined_words(report),
        sections=sections(folder, report),
        history=tables.history(report["evaluations"]),
        tables=tables,
        name=f"{folder.path.parent.name}/{folder.path.name}",
    )
    # a crash leaves the old report whole, and not half of it beside half of the new one
    write_together(files | {folder.path / f"report.{ending}": text for ending, text in documents})
    return report


def pages(template: str, **content: Any) -> list[tuple[str, str]]:
    """A document in Markdown and HTML, from the two templates of its name.

    Args:
        template: its name.
        **content: what the templates use.

    Returns:
        Ending and text of each.
    """
    environment = _environment()
    return [
        (ending, environment.get_template(f"{template}.{ending}.j2").render(**content))
        for ending in ("md", "html")
    ]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("jhrun.reporting"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["md"] = markdown
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=1, ensure_ascii=False)
    return environment
