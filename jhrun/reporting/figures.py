"""A run's figures, drawn without a display. Okabe and Ito's palette, which colour-blind people can tell apart."""

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from jhrun.reporting import tables

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
VISIBLE = 0.4
"""How far from grey the largest difference between an image and its twin is drawn, if that magnifies it."""


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
        _curve(axes, epochs, train, BLUE, "training", "-")
        _curve(axes, epochs, validation, ORANGE, "validation", "--")
        axes.legend(frameon=False)
    left.set_ylabel("task loss (nats)")
    right.set_ylabel("accuracy")
    right.yaxis.set_major_formatter(PercentFormatter(1))
    return figure


def _regression_curves(figure: Figure, left: Axes, right: Axes, epochs: list[dict[str, Any]]) -> Figure:
    """The same without classes: squared error, and what should be zero in the derivatives."""
    _curve(left, epochs, "task_loss", BLUE, "training", "-")
    _curve(left, epochs, "validation_loss", ORANGE, "validation", "--")
    left.set_ylabel("mean squared error")
    left.set_yscale("log")
    left.legend(frameon=False)
    tasks = [{"epoch": e["epoch"], **(e["task"] or {})} for e in epochs]
    measured = [key for key in tables.STRUCTURE if key in tasks[0]]
    for key in measured:
        _curve(right, tasks, key, ORANGE, "", "--")
        right.set_ylabel(f"{tables.STRUCTURE[key]}, validation")
        right.set_yscale("log")
    right.set_visible(bool(measured))
    return figure


def penalty_curve(epochs: list[dict[str, Any]]) -> Figure:
    """Mean penalty ‖vᵀA‖² by epoch, and its weight w."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    _curve(left, epochs, "penalty", GREEN, "", "-")
    left.set_ylabel("mean ‖vᵀA‖²")
    if any(e["penalty"] for e in epochs):
        left.set_yscale("log")
    _curve(right, epochs, "weight", RED, "", "-")
    right.set_ylabel("weight w")
    right.set_ylim(bottom=0)
    return figure


def accuracy_bars(report: dict[str, Any]) -> Figure:
    """Clean accuracy, each attack's and the worst case, with 95 % intervals."""
    known = {name: a for name, a in report["attacks"].items() if a["accuracy"] is not None}
    bars = {"clean": report["clean"], **known}
    if worst := tables.worst_case(report):
        bars[worst] = report["worst_case"]
    figure = Figure(figsize=(8, 0.8 + 0.4 * len(bars)), layout="constrained")
    axes: Axes = figure.subplots()
    names, shares = list(bars), [p["accuracy"] for p in bars.values()]
    errors = [
        [max(0.0, p["accuracy"] - p["ci95"][0]) for p in bars.values()],
        [max(0.0, p["ci95"][1] - p["accuracy"]) for p in bars.values()],
    ]
    colours = [BLUE if n == "clean" else RED if n == worst else ORANGE for n in names]
    axes.barh(names, shares, xerr=errors, color=colours, height=0.65, capsize=3)
    for row, share in enumerate(shares):
        axes.text(1.02, row, f"{100 * share:.1f} %", va="center", fontweight="bold")
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("right answers on the test set")
    plain(axes)
    return figure


def adversarial_grid(
    images: dict[str, NDArray[Any]], each: dict[str, NDArray[Any]], name: str, classes: list[str]
) -> Figure:
    """Images, their adversarial twins, and the differences magnified, each with what the network sees.

    Args:
        images: of ``images.npz``.
        each: of ``per_example.npz``.
        name: of the attack.
        classes: their names.

    Returns:
        Three rows; a prediction that is wrong is marked by ✗, an example that was not attacked by a dash.
    """
    clean, twins, position = images["clean"], images[name], images["position"]
    difference = np.abs(twins - clean)
    factor = max(1, int(VISIBLE / difference.max())) if difference.max() > 0 else 1
    rows = (
        ("image", clean, each["clean"][position]),
        (name, twins, each[f"{name}.predicted"][position]),
        (f"difference ×{factor}", np.clip(0.5 + factor * (twins - clean), 0, 1), None),
    )
    figure = Figure(figsize=(1.1 * len(clean) + 0.4, 3.9), layout="constrained")
    grid = figure.subplots(3, len(clean), squeeze=False)
    for axes_row, (label, pictures, predicted) in zip(grid, rows, strict=True):
        for column, (axes, picture) in enumerate(zip(axes_row, pictures, strict=True)):
            flat = picture[0] if len(picture) == 1 else np.moveaxis(picture, 0, -1)
            axes.imshow(flat, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            if predicted is not None:
                right = predicted[column] == each["target"][position[column]]
                attacked = predicted[column] >= 0
                said = f"{classes[predicted[column]]} {'✓' if right else '✗'}" if attacked else "–"
                axes.set_title(said, fontsize=9, color="black" if right or not attacked else RED)
        axes_row[0].set_ylabel(label, fontsize=9)
    return figure


def as_bytes(figure: Figure, kind: str) -> bytes:
    """A figure as ``svg`` or ``png``, without the date, so that the same records give the same file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()


def _curve(axes: Axes, epochs: list[dict[str, Any]], key: str, colour: str, label: str, style: str) -> None:
    draw_line(axes, [(e["epoch"], e.get(key)) for e in epochs], colour, label, style)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain(axes)


def draw_line(axes: Axes, points: list[tuple[Any, Any]], colour: str, label: str, style: str) -> None:
    """A curve through the points that have a value; a few are marked, as a line could not be seen."""
    there = [point for point in points if point[1] is not None]
    if there:
        x, y = zip(*there, strict=True)
        axes.plot(x, y, style, color=colour, label=label, marker="o" if len(there) < 3 else None)


def plain(axes: Axes) -> None:
    """Without the frame's upper and right side."""
    axes.spines[["top", "right"]].set_visible(False)
