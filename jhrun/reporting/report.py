"""``report.json``, ``report.md``, ``report.html`` and ``figures/``: everything from the run's records."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from jhrun.files import write_together
from jhrun.folder import RunFolder
from jhrun.jsonio import as_json, as_plain
from jhrun.records import Section
from jhrun.reporting import tables
from jhrun.reporting.contents import contents
from jhrun.reporting.document import Report
from jhrun.reporting.evaluations import joined_words, parts
from jhrun.reporting.facts import describe, meaning
from jhrun.reporting.first import commands, ladder_of, sentence
from jhrun.reporting.latex import FOR_A_PAPER, paper_files
from jhrun.reporting.picture import Picture
from jhrun.reporting.style import own_style
from jhrun.reporting.summary import summarise
from jhrun.reporting.text import code, markdown
from jhrun.reporting.verdict import box


@dataclass(frozen=True)
class Shown:
    """A section with its figures drawn.

    Attributes:
        section: as it was described.
        pictures: of its figures.
    """

    section: Section
    pictures: tuple[Picture, ...]


@own_style()
def write_report(folder: RunFolder, config: Mapping[str, Any]) -> Report:
    """Write a run's report anew from its records.

    Args:
        folder: of the run.
        config: its stored configuration.

    Returns:
        The document that ``report.json`` holds.
    """
    report = summarise(folder, config)
    name = f"{folder.path.parent.name}/{folder.path.name}"
    sections = [
        Shown(section, tuple(Picture.drawn(figure) for figure in section.figures))
        for section in contents(folder, report)
    ]
    first = ladder_of(folder, report, name)
    pictures = [*([first] if first else []), *(picture for shown in sections for picture in shown.pictures)]
    figures = folder.path / "figures"
    figures.mkdir(exist_ok=True)
    files: dict[Path, str | bytes] = {
        figures / file: content for picture in pictures for file, content in picture.files.items()
    }
    files[folder.path / "report.json"] = as_json(as_plain(report))
    files |= {folder.path / file: content for file, content in paper_files(report).items()}
    documents = pages(
        "report",
        report=report,
        sentence=sentence(report),
        ladder=first,
        verdict=box(report),
        commands=commands(report),
        sections=sections,
        facts=describe(report),
        headline=tables.headline_table(report),
        meaning=meaning(report),
        joined=joined_words(report),
        parts=parts(folder, report),
        history=tables.history(report.evaluations),
        environment=as_plain(report.environment),
        tables=tables,
        name=name,
        for_a_paper=FOR_A_PAPER,
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
    environment.filters["code"] = code
    environment.filters["anchor"] = anchor
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=1, ensure_ascii=False)
    return environment


def anchor(title: str) -> str:
    """A title as the name of a place in a page.

    Args:
        title: any text.

    Returns:
        Letters, digits and dashes.

    Example:
        >>> anchor("Accuracy against ε")
        'accuracy-against'
    """
    return "-".join(re.findall(r"[a-z0-9]+", title.lower())) or "section"
