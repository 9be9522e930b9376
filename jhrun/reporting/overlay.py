"""The curves of several runs over each other."""

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from jhrun.reporting.drawing import draw_line, plain
from jhrun.reporting.tables import STRUCTURE

Epoch = dict[str, Any]
Panel = tuple[str, str, Callable[[Epoch], Any]]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
"""Okabe and Ito's, without the yellow, which white paper swallows."""

STYLES = ("-", "--", "-.", ":")


def overlaid_curves(runs: list[tuple[str, list[Epoch]]]) -> Figure:
    """Loss, accuracy or structure, and penalty of each run, against parameter updates.

    Args:
        runs: label and epochs of each.

    Returns:
        One panel for each figure that any of the runs has; what is positive on a logarithmic axis.
    """
    epochs = [epoch for _, curve in runs for epoch in curve]
    panels = [panel for panel in _panels() if any(panel[2](epoch) is not None for epoch in epochs)]
    figure = Figure(figsize=(4 * max(1, len(panels)), 3.2 + 0.22 * len(runs)), layout="constrained")
    if not panels:
        return figure
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, scale, figure_of) in zip(grid, panels, strict=True):
        for number, (label, curve) in enumerate(runs):
            colour, style = COLOURS[number % len(COLOURS)], STYLES[number // len(COLOURS) % len(STYLES)]
            draw_line(axes, [(e["steps"], figure_of(e)) for e in curve], colour, label, style)
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel("updates")
        axes.set_yscale(scale)
        plain(axes)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", frameon=False)
    return figure


def overlaid_data(runs: list[tuple[str, list[Epoch]]]) -> dict[str, list[Any]]:
    """What ``overlaid_curves`` shows: a row for each run and epoch, the run by its label."""
    rows = [(label, epoch) for label, curve in runs for epoch in curve]
    keys = ("epoch", "steps", "task_loss", "accuracy", "validation_loss", "validation_accuracy", "penalty")
    columns: dict[str, list[Any]] = {"run": [label for label, _ in rows]}
    columns |= {key: [epoch[key] for _, epoch in rows] for key in keys}
    return columns | {key: [(epoch.get("task") or {}).get(key) for _, epoch in rows] for key in STRUCTURE}


def _panels() -> list[Panel]:
    """Title, scale, and the figure of an epoch's record."""

    def held_out(key: str) -> Callable[[Epoch], Any]:
        def value(epoch: Epoch) -> Any:
            found = epoch[f"validation_{key}"]
            return epoch["task_loss" if key == "loss" else key] if found is None else found

        return value

    def structure(key: str) -> Callable[[Epoch], Any]:
        return lambda epoch: (epoch.get("task") or {}).get(key)

    return [
        ("task loss", "log", held_out("loss")),
        ("accuracy", "linear", held_out("accuracy")),
        *((formula, "log", structure(key)) for key, formula in STRUCTURE.items()),
        ("mean penalty ‖vᵀA‖²", "log", lambda epoch: epoch["penalty"] or None),
    ]
