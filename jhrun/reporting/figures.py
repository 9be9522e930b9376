"""How a run was trained: its curves, drawn without a display, and their data."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from jhrun.reporting import tables
from jhrun.reporting.drawing import BLUE, ORANGE, draw_line, plain

_TRAINING = ("epoch", "steps", "task_loss", "validation_loss", "accuracy", "validation_accuracy")


def training_curves(epochs: list[dict[str, Any]]) -> Figure:
    """Task loss and accuracy by epoch, on the training batches and on the validation part."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    if epochs[0]["accuracy"] is None:
        return _regression_curves(figure, left, right, epochs)
    for axes, train, validation in (
        (left, "task_loss", "validation_loss"),
        (right, "accuracy", "validation_accuracy"),
    ):
        by_epoch(axes, epochs, train, BLUE, "training", "-")
        by_epoch(axes, epochs, validation, ORANGE, "validation", "--")
        axes.legend(frameon=False)
    left.set_ylabel("task loss (nats)")
    right.set_ylabel("accuracy")
    right.yaxis.set_major_formatter(PercentFormatter(1))
    return figure


def _regression_curves(figure: Figure, left: Axes, right: Axes, epochs: list[dict[str, Any]]) -> Figure:
    """The same without classes: squared error, and what should be zero in the derivatives."""
    by_epoch(left, epochs, "task_loss", BLUE, "training", "-")
    by_epoch(left, epochs, "validation_loss", ORANGE, "validation", "--")
    left.set_ylabel("mean squared error")
    left.set_yscale("log")
    left.legend(frameon=False)
    tasks = [{"epoch": e["epoch"], **(e["task"] or {})} for e in epochs]
    measured = [key for key in tables.STRUCTURE if key in tasks[0]]
    for key in measured:
        by_epoch(right, tasks, key, ORANGE, "", "--")
        right.set_ylabel(f"{tables.STRUCTURE[key]}, validation")
        right.set_yscale("log")
    right.set_visible(bool(measured))
    return figure


def training_data(epochs: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """What ``training_curves`` shows: a row for each epoch, with the figures of a regression task."""
    columns = {key: [e[key] for e in epochs] for key in _TRAINING}
    return columns | {key: [e["task"][key] for e in epochs] for key in epochs[0]["task"] or {}}


def by_epoch(
    axes: Axes, epochs: Sequence[Mapping[str, Any]], key: str, colour: str, label: str, style: str
) -> None:
    """Draw a figure of the epochs that have it."""
    draw_line(axes, [(e["epoch"], e.get(key)) for e in epochs], colour, label, style)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain(axes)
