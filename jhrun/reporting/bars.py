"""Accuracy by attack and by class, each share with its 95 % interval."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from jhrun.reporting import tables, words
from jhrun.reporting.data import share_columns
from jhrun.reporting.drawing import BLUE, ORANGE, RED, plain, whiskers

MOST_CLASSES = 20
"""So many have their bars; of more, those of the lowest worst case."""

MOST_LETTERS = 20
"""Of a class's name beside its bars; the CSV has all."""

_CLEAN = {"color": BLUE}
_ATTACK = {"color": ORANGE, "hatch": "//"}
_WORST = {"color": RED, "hatch": "xx"}

Share = dict[str, Any]


def accuracy_bars(report: dict[str, Any]) -> Figure:
    """Clean accuracy, each attack's and the worst case, with 95 % intervals."""
    bars, worst = _bars(report), tables.worst_case(report)
    figure = Figure(figsize=(5.6, 0.9 + 0.34 * len(bars)), layout="constrained")
    axes: Axes = figure.subplots()
    for row, (name, share) in enumerate(bars.items()):
        look = _CLEAN if name == "clean" else _WORST if name == worst else _ATTACK
        _bar(axes, row, share, 0.65, look)
        axes.text(1.02, row, f"{100 * share['accuracy']:.1f} %", va="center", fontweight="bold")
    axes.set_yticks(range(len(bars)), list(bars))
    sample = words.sample(report["clean"]["n"], report["total"])
    figure.supxlabel(f"right answers on {sample}", fontsize=10)
    _percentages(axes)
    return figure


def accuracy_data(report: dict[str, Any]) -> dict[str, list[Any]]:
    """What ``accuracy_bars`` shows: a row for each bar."""
    bars = _bars(report)
    attacks = [report["attacks"].get(name, {}) for name in bars]
    columns: dict[str, list[Any]] = {
        "name": list(bars),
        "norm": [a.get("norm") for a in attacks],
        "epsilon": [a.get("epsilon") for a in attacks],
    }
    return columns | share_columns(list(bars.values())) | {"total": [report["total"]] * len(bars)}


def class_bars(report: dict[str, Any]) -> Figure:
    """Clean accuracy and worst case of each class, or of the worst, with 95 % intervals."""
    classes, attacked = shown_classes(report), report["worst_case_norm"] is not None
    figure = Figure(figsize=(5.6, 1.2 + 0.4 * len(classes)), layout="constrained")
    axes: Axes = figure.subplots()
    for row, name in enumerate(classes):
        _bar(
            axes, row - 0.19 * attacked, report["per_class"][name]["clean"], 0.36, _CLEAN, "clean", first=row == 0
        )
        if attacked:
            worst = report["per_class"][name]["worst_case"]
            _bar(axes, row + 0.19, worst, 0.36, _WORST, "worst case", first=row == 0)
    axes.set_yticks(
        range(len(classes)),
        [f"{_short(name)}  (n = {report['per_class'][name]['clean']['n']:,})" for name in classes],
    )
    figure.supxlabel(f"right answers on {words.sample(report['clean']['n'], report['total'])}", fontsize=10)
    _percentages(axes)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def class_data(report: dict[str, Any]) -> dict[str, list[Any]]:
    """Clean accuracy and worst case of every class, also of those that have no bars."""
    classes = report["per_class"]
    columns: dict[str, list[Any]] = {"class": list(classes)}
    for key in ("clean", "worst_case"):
        shares = share_columns([shares[key] for shares in classes.values()])
        columns |= {f"{key}_{name}": values for name, values in shares.items() if name != "n"}
    return columns | {"n": [shares["clean"]["n"] for shares in classes.values()]}


def shown_classes(report: dict[str, Any]) -> list[str]:
    """All classes in their order, or of many those of the lowest worst case, the lowest first."""
    classes = report["per_class"]
    if len(classes) <= MOST_CLASSES:
        return list(classes)
    return sorted(classes, key=lambda name: float(classes[name]["worst_case"]["accuracy"]))[:MOST_CLASSES]


def _bars(report: dict[str, Any]) -> dict[str, Share]:
    """Name and share of each bar; an attack that saw only what others left has no share."""
    bars = {"clean": report["clean"]}
    bars |= {name: a for name, a in report["attacks"].items() if a["accuracy"] is not None}
    worst = tables.worst_case(report)
    return bars | ({worst: report["worst_case"]} if worst else {})


def _short(name: str) -> str:
    """A class's name, with as many letters as leave room for its bars."""
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"


def _bar(
    axes: Axes,
    row: float,
    share: Share,
    height: float,
    look: dict[str, str],
    label: str = "",
    *,
    first: bool = False,
) -> None:
    axes.barh(
        row,
        share["accuracy"],
        height=height,
        edgecolor="white",
        linewidth=0,
        label=label if first else None,
        **look,  # type: ignore[arg-type]
    )
    # black on a white edge, so that it is seen on any bar
    for colour, width in (("white", 3.5), ("black", 1.5)):
        reach, size = whiskers([share]), 3 + width / 2
        axes.errorbar(
            share["accuracy"],
            row,
            xerr=reach,
            fmt="none",
            ecolor=colour,
            elinewidth=width,
            capsize=size,
            capthick=width,
        )


def _percentages(axes: Axes) -> None:
    """Shares to the right, the first bar on top."""
    axes.invert_yaxis()
    axes.margins(y=0.02)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    plain(axes)
