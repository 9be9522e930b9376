"""Images beside their adversarial twins."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jhrun.reporting.drawing import RED
from jhrun.reporting.words import class_name

VISIBLE = 0.4
"""How far from grey the largest difference between an image and its twin is drawn, if that magnifies it."""

Arrays = dict[str, NDArray[Any]]


def adversarial_grid(images: Arrays, each: Arrays, name: str, classes: list[str]) -> Figure:
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
    # on one pair of axes: with a pair for each picture, laying them out took half of a report's time
    figure = Figure(figsize=(1.1 * len(clean) + 0.4, 4.0))
    left = 0.3 / figure.get_figwidth()
    axes = figure.add_axes((left, 0, 1 - left, 1))
    for row, (label, pictures, predicted) in enumerate(rows):
        top = 1.2 * row + 0.22
        axes.text(-0.04, top + 0.46, label, rotation=90, ha="right", va="center", fontsize=9)
        for column, picture in enumerate(pictures):
            flat = picture[0] if len(picture) == 1 else np.moveaxis(picture, 0, -1)
            place = (column + 0.04, column + 0.96, top + 0.92, top)
            axes.imshow(flat, cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=place)
            if predicted is not None:
                right = predicted[column] == each["target"][position[column]]
                attacked = predicted[column] >= 0
                said = f"{class_name(classes, predicted[column])} {'✓' if right else '✗'}" if attacked else "–"
                colour = "black" if right or not attacked else RED
                axes.text(column + 0.5, top - 0.03, said, ha="center", va="bottom", fontsize=9, color=colour)
    axes.set(xlim=(0, len(clean)), ylim=(3.6, 0), aspect="auto")
    axes.set_axis_off()
    return figure


def grid_data(images: Arrays, each: Arrays, name: str, classes: list[str]) -> dict[str, list[Any]]:
    """What the network makes of the images of ``adversarial_grid``.

    Args:
        images: of ``images.npz``.
        each: of ``per_example.npz``.
        name: of the attack.
        classes: their names.

    Returns:
        Columns; the pixels themselves are in ``images.npz``. An example that was not attacked has empty cells.
    """
    position = images["position"]
    attacked = each[f"{name}.predicted"][position] >= 0
    columns: dict[str, list[Any]] = {
        "position": position.tolist(),
        "target": [class_name(classes, i) for i in each["target"][position]],
        "predicted_clean": [class_name(classes, i) for i in each["clean"][position]],
    }
    for label, key in (("predicted", f"{name}.predicted"), ("predicted_last", f"{name}.last")):
        columns[label] = [class_name(classes, i) if i >= 0 else None for i in each[key][position]]
    columns["robust"] = [
        bool(robust) if there else None
        for robust, there in zip(each[f"{name}.robust"][position], attacked, strict=True)
    ]
    for norm in ("linf", "l2"):
        if f"{name}.{norm}" in each:
            distance = each[f"{name}.{norm}"][position].tolist()
            columns[norm] = [d if there else None for d, there in zip(distance, attacked, strict=True)]
    return columns
