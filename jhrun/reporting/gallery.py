"""Which figures a report has, and what is said of each."""

from typing import Any

from jhrun.evaluation import load
from jhrun.evaluation.store import read_npz
from jhrun.folder import RunFolder
from jhrun.reporting import bars, curvature, curve, figures, grids, slices, tables, terms, words
from jhrun.reporting.picture import Picture

OPEN_GRIDS = 2
"""So many attacks' images are seen at once; the others' are to be opened."""


def draw(folder: RunFolder, report: dict[str, Any]) -> list[Picture]:
    """The figures that the records allow."""
    return [
        *_robustness(report),
        *_training(report),
        *(_grids(folder, report) if report["attacks"] else []),
        *(_curvature(folder, report) if report["curvature"] else []),
    ]


def _robustness(report: dict[str, Any]) -> list[Picture]:
    """Accuracy by attack, by ε and by class."""
    pictures = []
    if report["attacks"]:
        shown = ", ".join(f"{row[0]} {row[1]}" for row in tables.headline_table(report)[1:])
        text = f"With 95 % Wilson intervals, of {_sample(report)}: {shown}."
        drawn, data = bars.accuracy_bars(report), bars.accuracy_data(report)
        pictures.append(Picture.of("accuracy", "Accuracy, clean and attacked", text, drawn, data))
    if report["curve"]:
        classes = len(report["evaluations"][report["sources"]["curve"]]["classes"])
        drawn, data = curve.accuracy_curve(report, classes), curve.curve_data(report)
        pictures.append(Picture.of("curve", "Accuracy against ε", _of_curve(report), drawn, data))
    if report["per_class"]:
        many = len(report["per_class"])
        which = "each class"
        if many > bars.MOST_CLASSES:
            which = f"the {bars.MOST_CLASSES} of {many} classes of lowest worst case (the CSV has all)"
        text = (
            f"Of {which}, clean accuracy and the worst case over all attacks of one norm, with 95 % Wilson "
            f"intervals; {_sample(report)}. An interval of few examples is wide: two classes differ where theirs "
            "are apart."
        )
        drawn, data = bars.class_bars(report), bars.class_data(report)
        pictures.append(Picture.of("per_class", "Accuracy by class", text, drawn, data))
    return pictures


def _of_curve(report: dict[str, Any]) -> str:
    record = report["curve"]
    n, total = record["points"][0]["n"], record["total"]
    norm = "∞" if record["norm"] == "inf" else record["norm"]
    text = (
        f"Share of examples that are right clean and under {record['attack']} in an ℓ{norm} ball of radius ε, on "
        f"{words.sample(n, total)}, with 95 % Wilson intervals. Each ε has a search of its own."
    )
    if curve.worst_radius(report) is not None:
        text += (
            f" The diamond is the worst case over all ℓ{norm} attacks, on {_sample(report)}: it may lie "
            "below the curve, which is one attack's."
        )
    return f"{text} At large ε an honest curve reaches guessing or less."


def _training(report: dict[str, Any]) -> list[Picture]:
    """Curves by epoch."""
    epochs = report["epochs"]
    if not epochs:
        return []
    text = "Training figures are taken on (augmented) batches as they come; validation after each epoch."
    text += terms.objective_words(report)
    drawn, data = figures.training_curves(epochs), figures.training_data(epochs)
    return [Picture.of("training", "Training", text, drawn, data), *terms.term_pictures(report)]


def _grids(folder: RunFolder, report: dict[str, Any]) -> list[Picture]:
    """Images beside their twins, one figure for each attack of the evaluation that leads."""
    record, each, images = load(folder.evaluation(report["evaluation"]))
    pictures = []
    for number, (name, attack) in enumerate(record["attacks"].items()):
        text = (
            f"{len(images['position'])} images of {_sample(report)}; their twins under {name} at ε = "
            f"{tables.ball(attack)}; and the differences magnified around grey. Above each, the class the network "
            "sees: ✓ right, ✗ wrong, – not attacked."
        )
        if (images[name] == images["clean"]).all(axis=(1, 2, 3)).any():
            text += (
                " Where the difference is grey all over, the attack gave the image itself back or never saw it."
            )
        shown = (images, each, name, record["classes"])
        drawn, data = grids.adversarial_grid(*shown), grids.grid_data(*shown)
        folded = number >= OPEN_GRIDS
        pictures.append(
            Picture.of(f"adversarial_{name}", f"Under {name}", text, drawn, data, kind="png", folded=folded)
        )
    return pictures


def _curvature(folder: RunFolder, report: dict[str, Any]) -> list[Picture]:
    """The figures of ``analysis=curvature``."""
    place, record = folder.evaluation(report["sources"]["curvature"]), report["curvature"]
    evaluation, each, _ = load(place)
    found, classes = read_npz(place / "curvature.npz"), evaluation["classes"]
    text = curvature.describe(record, report["total"])
    drawn, data = curvature.histograms(found), curvature.histogram_data(found, each, classes)
    table = [curvature.HEADER, *curvature.summary_rows(record)]
    pictures = [Picture.of("curvature", "Curvature", text, drawn, data, table=table)]
    if (place / "slices.npz").is_file():
        lines = read_npz(place / "slices.npz")
        text = (
            f"The loss of {len(lines['position'])} examples of {_sample(evaluation)}, along the sign of their "
            "input gradient and along random signs, not clamped to the pixels' range; the dot is the example. An "
            "honest gradient gives a smooth curve that rises to the right of it; a masked one a ragged curve, or "
            "a flat one where the random one moves."
        )
        drawn, data = slices.slices(lines, found, each, classes), slices.slice_data(lines)
        pictures.append(Picture.of("slices", "The loss around examples", text, drawn, data))
    return pictures


def _sample(report: dict[str, Any]) -> str:
    return words.sample(report["clean"]["n"], report["total"])
