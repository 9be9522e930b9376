"""What a report shows: the sections of its own figures, and those of the analyses."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jhrun.evaluation import load
from jhrun.evaluation.store import load_analysis
from jhrun.folder import RunFolder
from jhrun.records import AttackRecord, EpochRecord, Figure, Panel, Proportion, Section, Series
from jhrun.records.section import columns_of
from jhrun.records.words import ball, class_name, sample
from jhrun.reporting import tables
from jhrun.reporting.document import Report
from jhrun.reporting.terms import objective_words, term_figures

MOST_CLASSES = 20
"""So many have their bars; of more, those of the lowest worst case."""

OPEN_GRIDS = 2
"""So many attacks' images are seen at once; the others' are to be opened."""

VISIBLE = 0.4
"""How far from grey the largest difference between an image and its twin is drawn, if that magnifies it."""


def contents(folder: RunFolder, report: Report) -> list[Section]:
    """All sections, in the order of the page; figures' names are unique.

    Args:
        folder: of the run.
        report: of it.

    Returns:
        The sections that the records allow.
    """
    found = [_accuracy(report)] if report.attacks else []
    for name, source in report.sources.items():
        found += load_analysis(folder.evaluation(source), name).sections
    found += [_classes(folder, report)] if report.per_class else []
    found += [_training(report)] if report.epochs else []
    found += _grids(folder, report) if report.attacks else []
    return _unique(found)


def _unique(sections: Sequence[Section]) -> list[Section]:
    """Two figures of one name would write one file."""
    seen: Counter[str] = Counter()

    def renamed(figure: Figure) -> Figure:
        seen[figure.name] += 1
        return figure if seen[figure.name] == 1 else replace(figure, name=f"{figure.name}-{seen[figure.name]}")

    return [replace(section, figures=tuple(map(renamed, section.figures))) for section in sections]


def _accuracy(report: Report) -> Section:
    """Clean accuracy, each attack's and the worst case."""
    rows = [_share("clean", "clean", report.clean)]
    rows += [_share(name, "attack", attack.robust, attack) for name, attack in report.attacks.items()]
    if worst := tables.worst_case(report):
        rows.append(_share(worst, "worst case", report.worst_case))
    # an attack that saw only what others left has no share
    columns = columns_of([row for row in rows if row["n"]])
    text = f"Right answers on {_sample(report)}, with 95 % Wilson intervals."
    panel = Panel(
        "bars",
        "name",
        (Series("accuracy", low="ci95_low", high="ci95_high"),),
        by="what",
        groups=("clean", "attack", "worst case"),
        x_label="right answers",
        share=True,
    )
    figure = Figure("accuracy", "Accuracy, clean and attacked", text, columns, (panel,))
    return Section("Accuracy, clean and attacked", figures=(figure,))


def _share(
    name: str, what: str, share: Proportion | None, attack: AttackRecord | None = None
) -> Mapping[str, Any]:
    low, high = share.ci95 if share else (None, None)
    return {
        "name": name,
        "what": what,
        "norm": attack.norm if attack else "",
        "epsilon": attack.epsilon if attack else None,
        "accuracy": share.accuracy if share else None,
        "ci95_low": low,
        "ci95_high": high,
        "n": share.n if share else 0,
    }


def _classes(folder: RunFolder, report: Report) -> Section:
    """Clean accuracy and worst case of each class, and what is taken for what."""
    shares = report.per_class
    names = list(shares)
    many = len(names) > MOST_CLASSES
    if many:
        names.sort(key=lambda name: shares[name].worst_case.accuracy)
    rows = []
    for name in names:
        row: dict[str, object] = {"class": name, "n": shares[name].clean.n}
        for key, share in (("clean", shares[name].clean), ("worst_case", shares[name].worst_case)):
            row |= {f"{key}_accuracy": share.accuracy}
            row |= {f"{key}_ci95_low": share.ci95[0], f"{key}_ci95_high": share.ci95[1]}
        rows.append(row)
    which = f"the {MOST_CLASSES} of {len(names)} classes of lowest worst case (the CSV has all)"
    text = (
        f"Of {which if many else 'each class'}, clean accuracy and the worst case over all attacks of one norm, "
        f"with 95 % Wilson intervals; {_sample(report)}. Two classes differ where their intervals are apart."
    )
    keys = [("clean", "clean"), *([("worst_case", "worst case")] if report.attacks else [])]
    series = tuple(Series(f"{k}_accuracy", label, f"{k}_ci95_low", f"{k}_ci95_high") for k, label in keys)
    panel = Panel("bars", "class", series, most=MOST_CLASSES, x_label="right answers", share=True)
    bars = Figure("per_class", "Accuracy by class", text, columns_of(rows), (panel,))
    return Section("Classes", figures=(bars, *([] if many else [_confusion(folder, report)])))


def _confusion(folder: RunFolder, report: Report) -> Figure:
    each, _ = load(folder.evaluation(str(report.evaluation)))
    pairs = Counter(zip(each["target"].tolist(), each["clean"].tolist(), strict=True))
    numbers = sorted({number for pair in pairs for number in pair})
    rows = [
        {
            "class": class_name(report.classes, target),
            "predicted": class_name(report.classes, predicted),
            "examples": pairs[target, predicted],
        }
        for target in numbers
        for predicted in numbers
    ]
    panel = Panel(
        "matrix", "predicted", (Series("examples"),), by="class", x_label="predicted", y_label="right class"
    )
    text = f"Of {_sample(report)}, clean: how many of each class were taken for which."
    return Figure("confusion", "Confusion", text, columns_of(rows), (panel,))


def _training(report: Report) -> Section:
    """Curves by epoch."""
    epochs = report.epochs
    text = "Training figures are taken on (augmented) batches as they come; validation after each epoch."
    panels = _regression(epochs) if epochs[0].accuracy is None else _classification()
    figure = Figure("training", "Training", text + objective_words(report), _by_epoch(epochs), panels)
    return Section("Training", figures=(figure, *term_figures(report)))


def _classification() -> tuple[Panel, ...]:
    loss = (Series("task_loss", "training"), Series("validation_loss", "validation"))
    right = (Series("accuracy", "training"), Series("validation_accuracy", "validation"))
    return (
        Panel("lines", "epoch", loss, x_label="epoch", y_label="task loss (nats)"),
        Panel("lines", "epoch", right, x_label="epoch", y_label="accuracy", share=True),
    )


def _regression(epochs: Sequence[EpochRecord]) -> tuple[Panel, ...]:
    """Squared error, and what should be zero in the derivatives."""
    loss = (Series("task_loss", "training"), Series("validation_loss", "validation"))
    panels = [Panel("lines", "epoch", loss, x_label="epoch", y_label="mean squared error", y_scale="log")]
    for key, formula in tables.STRUCTURE.items():
        if epochs[0].task is not None and getattr(epochs[0].task, key) is not None:
            series = (Series(key, "validation"),)
            panels.append(
                Panel("lines", "epoch", series, x_label="epoch", y_label=f"{formula}, validation", y_scale="log")
            )
    return tuple(panels)


def _by_epoch(epochs: Sequence[EpochRecord]) -> Any:
    rows = []
    for e in epochs:
        row: dict[str, object] = {
            "epoch": e.epoch,
            "steps": e.steps,
            "task_loss": e.task_loss,
            "validation_loss": e.validation_loss,
            "accuracy": e.accuracy,
            "validation_accuracy": e.validation_accuracy,
        }
        rows.append(row | (vars(e.task) if e.task else {}))
    return columns_of(rows)


def _grids(folder: RunFolder, report: Report) -> list[Section]:
    """Images beside their twins, one figure for each attack of the evaluation that leads."""
    record = report.evaluations[str(report.evaluation)]
    each, images = load(folder.evaluation(record.name))
    position, clean = images["position"], images["clean"]

    def said(predicted: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        rights = zip(predicted[position], each["target"][position], strict=True)
        return np.array(
            [
                f"{class_name(record.classes, int(p))} {'✓' if p == t else '✗'}" if p >= 0 else "–"
                for p, t in rights
            ]
        )

    figures = []
    for number, (name, attack) in enumerate(record.attacks.items()):
        twins = images[name]
        largest = np.abs(twins - clean).max(initial=0.0)
        factor = max(1, int(VISIBLE / largest)) if largest > 0 else 1
        columns = {
            "position": position,
            "class": np.array([class_name(record.classes, int(t)) for t in each["target"][position]]),
            "predicted_clean": said(each["clean"]),
            "predicted": said(each[f"{name}.predicted"]),
            "predicted_last": said(each[f"{name}.last"]),
            "robust": each[f"{name}.robust"][position],
            "distance": each[f"{name}.l{attack.norm}"][position],
            "image": clean,
            "twin": twins,
            "difference": np.clip(0.5 + factor * (twins - clean), 0, 1),
        }
        text = (
            f"{len(position)} images of {_sample(report)}; their twins under {name} at ε = "
            f"{ball(attack.epsilon, attack.norm)}; and the differences magnified around grey. Above each, the "
            "class the network sees: ✓ right, ✗ wrong, – not attacked."
        )
        if (twins == clean).all(axis=(1, 2, 3)).any():
            text += (
                " Where the difference is grey all over, the attack gave the image itself back or never saw it."
            )
        series = (
            Series("image", "image", caption="predicted_clean"),
            Series("twin", name, caption="predicted"),
            Series("difference", f"difference ×{factor}"),
        )
        panel = Panel("images", "position", series)
        figures.append(
            Figure(f"adversarial_{name}", f"Under {name}", text, columns, (panel,), folded=number >= OPEN_GRIDS)
        )
    return [Section("Adversarial images", figures=tuple(figures))] if figures else []


def _sample(report: Report) -> str:
    return sample(report.clean.n if report.clean else 0, report.total)
