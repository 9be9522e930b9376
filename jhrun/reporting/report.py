"""``report.json``, ``report.md``, ``report.html`` and ``figures/``: everything from the run's records."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from matplotlib.figure import Figure

from jhrun.evaluation import load
from jhrun.evaluation.store import read_npz
from jhrun.folder import RunFolder, write_aside, write_json
from jhrun.reporting import curvature, figures, tables
from jhrun.reporting.data import as_csv
from jhrun.reporting.summary import summarise

_MEANING_OF_ROBUST = (
    "An example counts as robust when it is right clean and at the worst input that the attack met; the worst "
    "case counts it when it is right under every attack of one norm. ε is the radius in pixels of [0, 1], in ℓ∞ "
    "where nothing else is said. A dash: the attack saw only the n examples that earlier ones had left."
)
_MEANING_OF_SKILL = (
    "Skill is 1 − MSE/Var(target): 0 for the best constant, 1 for the truth. What should be zero in the "
    "derivatives means nothing where nothing was learned; it is exact, the mean over n held-out points."
)


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes:
        name: of its file, without the ending.
        kind: svg for curves and bars, png for images.
        title: above it.
        text: what it shows, in words; also its alternative text.
        content: of the file.
        csv: the data it shows, for the file of the same name that ends in csv; None where there is none.
        table: shown below it, the header first; perhaps empty.
    """

    name: str
    kind: str
    title: str
    text: str
    content: bytes
    csv: str | None = None
    table: list[tables.Row] = field(default_factory=list)

    @property
    def file(self) -> str:
        """Its file's name."""
        return f"{self.name}.{self.kind}"

    @property
    def data(self) -> str:
        """Its content as a data URL."""
        mime = {"svg": "image/svg+xml", "png": "image/png"}[self.kind]
        return f"data:{mime};base64,{base64.b64encode(self.content).decode()}"

    @property
    def csv_data(self) -> str:
        """Its CSV as a data URL."""
        return f"data:text/csv;base64,{base64.b64encode((self.csv or '').encode()).decode()}"


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
    (folder.path / "figures").mkdir(exist_ok=True)
    for picture in pictures:
        write_aside(folder.path / "figures" / picture.file, picture.content)
        if picture.csv is not None:
            write_aside(folder.path / "figures" / f"{picture.name}.csv", picture.csv)
    write_json(folder.path / "report.json", report)
    for ending, text in pages(
        "report",
        report=report,
        pictures=pictures,
        facts=describe(report),
        headline=tables.headline_table(report),
        meaning=meaning(report),
        history=tables.history(report["evaluations"]),
        tables=tables,
        name=f"{folder.path.parent.name}/{folder.path.name}",
    ):
        write_aside(folder.path / f"report.{ending}", text)
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


def draw(folder: RunFolder, report: dict[str, Any]) -> list[Picture]:
    """The figures that the records allow."""
    pictures: list[Picture] = []

    def add(name: str, title: str, text: str, figure: Figure, kind: str = "svg") -> None:
        pictures.append(Picture(name, kind, title, text, figures.as_bytes(figure, kind)))

    if report["attacks"]:
        shown = ", ".join(f"{row[0]} {row[1]}" for row in tables.headline_table(report)[1:])
        text = f"With 95 % Wilson intervals: {shown}."
        add("accuracy", "Accuracy, clean and attacked", text, figures.accuracy_bars(report))
    epochs = report["epochs"]
    if epochs:
        text = "Training figures are taken on (augmented) batches as they come; validation after each epoch."
        add("training", "Training", text, figures.training_curves(epochs))
    if any(e["penalty"] is not None for e in epochs):
        text = (
            "The epoch's mean of the squared norm that the solver found, a lower bound of the squared spectral "
            f"norm; the solver's mean relative residual in the last epoch was {_residual(epochs)}."
        )
        add("penalty", "Penalty", text, figures.penalty_curve(epochs))
    if report["attacks"]:
        record, each, images = load(folder.evaluation(report["evaluation"]))
        for name, attack in record["attacks"].items():
            text = (
                f"Test images, their twins under {name} at ε = {tables.ball(attack)}, and the "
                "differences magnified around grey; above each, the class the network sees."
            )
            grid = figures.adversarial_grid(images, each, name, record["classes"])
            add(f"adversarial_{name}", f"Under {name}", text, grid, "png")
    if report["curvature"]:
        pictures += draw_curvature(folder, report)
    return pictures


def draw_curvature(folder: RunFolder, report: dict[str, Any]) -> list[Picture]:
    """The figures of the newest evaluation's ``analysis=curvature``."""
    place, record = folder.evaluation(report["evaluation"]), report["curvature"]
    evaluation, each, _ = load(place)
    found, classes = read_npz(place / "curvature.npz"), evaluation["classes"]
    pictures = [
        Picture(
            "curvature",
            "svg",
            "Curvature",
            curvature.describe(record),
            figures.as_bytes(curvature.histograms(found), "svg"),
            as_csv(curvature.histogram_data(found, each, classes)),
            [curvature.HEADER, *curvature.summary_rows(record)],
        )
    ]
    if (place / "slices.npz").is_file():
        lines = read_npz(place / "slices.npz")
        text = (
            "The loss of some test examples along the sign of their input gradient and along random signs, not "
            "clamped to the pixels' range; the dot is the example. An honest gradient gives a smooth curve that "
            "rises to the right of it; a masked one a ragged curve, or a flat one where the random one moves."
        )
        drawn = curvature.slices(lines, found, each, classes)
        data = as_csv(curvature.slice_data(lines))
        pictures.append(
            Picture("slices", "svg", "The loss around examples", text, figures.as_bytes(drawn, "svg"), data)
        )
    return pictures


def meaning(report: dict[str, Any]) -> str:
    """What the headline's figures mean."""
    return _MEANING_OF_SKILL if report["task"] else _MEANING_OF_ROBUST


def describe(report: dict[str, Any]) -> list[tuple[str, str]]:
    """What was run, and on what machine, as label and text."""
    config, machine, epochs = report["config"], report["environment"], report["epochs"]
    penalties = [str(p["_target_"]).rsplit(".", 1)[-1] for p in config["regularizer"]["penalties"]]
    penalty = " + ".join(penalties) or "none"
    facts = [
        ("data", _choice(config["dataset"])),
        ("model", _choice(config["model"])),
        ("penalty", penalty),
        ("weight w", tables.schedule(config["regularizer"]["weight"]) if penalties else "0"),
        ("solver", _choice(config["solver"]) if penalties else "not needed"),
        ("optimizer", f"{_choice(config['optimizer'])}, batch {config['train']['batch_size']}"),
        ("epochs", f"{len(epochs)} of {config['train']['epochs']}"),
        ("seed", str(config["seed"])),
        ("time", f"{tables.duration(report['seconds'])} of training and evaluation"),
        ("machine", f"{machine['device']}, {machine['platform']}"),
        ("versions", f"jhrun {machine['jhrun']}, Python {machine['python']}, PyTorch {machine['torch']}"),
    ]
    if report["evaluation"]:
        facts.insert(7, ("evaluated", f"checkpoint {report['checkpoint']}, evaluation {report['evaluation']}"))
    return facts


def _choice(node: dict[str, Any]) -> str:
    arguments = ", ".join(
        f"{key} {tables.schedule(value)}"
        for key, value in node.items()
        if key not in {"_target_", "root", "download"}
    )
    return f"{str(node['_target_']).rsplit('.', 1)[-1]} ({arguments})" if arguments else str(node["_target_"])


def _residual(epochs: list[dict[str, Any]]) -> str:
    last = next((e["residual"] for e in reversed(epochs) if e["residual"] is not None), None)
    return "not known" if last is None else f"{last:.2g}"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("jhrun.reporting"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=1, ensure_ascii=False)
    return environment
