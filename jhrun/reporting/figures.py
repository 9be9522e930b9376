"""A run's figures, drawn without a display. Okabe and Ito's palette, which colour-blind people can tell apart."""

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
VISIBLE = 0.4
"""How far from grey the largest difference between an image and its twin is drawn, if that magnifies it."""


def training_curves(epochs: list[dict[str, Any]]) -> Figure:
    """Task loss and accuracy by epoch, on the training batches and on the validation part."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
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
    bars = {"clean": report["clean"], **report["attacks"]}
    if len(report["attacks"]) > 1:
        bars["worst case"] = report["worst_case"]
    figure = Figure(figsize=(8, 0.8 + 0.4 * len(bars)), layout="constrained")
    axes: Axes = figure.subplots()
    names, shares = list(bars), [p["accuracy"] for p in bars.values()]
    errors = [
        [max(0.0, p["accuracy"] - p["ci95"][0]) for p in bars.values()],
        [max(0.0, p["ci95"][1] - p["accuracy"]) for p in bars.values()],
    ]
    colours = [BLUE if n == "clean" else RED if n == "worst case" else ORANGE for n in names]
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
        Three rows; a prediction that is wrong is marked by ✗.
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
                said = classes[predicted[column]]
                colour = "black" if right else RED
                axes.set_title(f"{said} {'✓' if right else '✗'}", fontsize=9, color=colour)
        axes_row[0].set_ylabel(label, fontsize=9)
    return figure


def as_bytes(figure: Figure, kind: str) -> bytes:
    """A figure as ``svg`` or ``png``, without the date, so that the same records give the same file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()


def _curve(axes: Axes, epochs: list[dict[str, Any]], key: str, colour: str, label: str, style: str) -> None:
    points = [(e["epoch"], e[key]) for e in epochs if e[key] is not None]
    if points:
        x, y = zip(*points, strict=True)
        axes.plot(x, y, style, color=colour, label=label, marker="o" if len(points) < 3 else None)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain(axes)


def plain(axes: Axes) -> None:
    """Two spines are enough."""
    axes.spines[["top", "right"]].set_visible(False)
