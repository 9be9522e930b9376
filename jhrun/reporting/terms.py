"""What a report shows of the terms of the loss: their figures by epoch, in the terms' own words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from jhrun.records import TermRecord
from jhrun.reporting import words
from jhrun.reporting.drawing import BLUE, GREEN, RED
from jhrun.reporting.figures import by_epoch
from jhrun.reporting.picture import Picture
from jhrun.reporting.text import cell, drawn, one_line
from jhrun.terms import OBJECTIVE, REGULARIZER, Spectral, Task

MOST_FIGURES = 6
"""So many figures of a term are drawn; its CSV has all."""

Epochs = Sequence[Mapping[str, Any]]


def is_a(term: TermRecord, kind: type) -> bool:
    """Whether a term is of a class of jhrun's own, known by its path."""
    return term.kind == f"{kind.__module__}.{kind.__qualname__}"


def term_of(report: Mapping[str, Any], name: str) -> TermRecord | None:
    """The term with a name; None where the loss has none."""
    return next((TermRecord.of(entry) for entry in report["terms"] if entry["name"] == name), None)


def objective_words(report: Mapping[str, Any]) -> str:
    """What is drawn as the training batches' loss, where that is not the task's own; else empty."""
    term = term_of(report, OBJECTIVE)
    if term is None or is_a(term, Task):
        return ""
    title, value = one_line(term.title), one_line(term.meaning["value"])
    return f" The training batches' loss is that of the objective, {title}: {value}"


def term_pictures(report: Mapping[str, Any]) -> list[Picture]:
    """A picture of the regularizer, and one of an objective that has figures of its own."""
    found = []
    epochs = [{**e, **e["figures"]} for e in report["epochs"]]
    for term in map(TermRecord.of, report["terms"]):
        regularizer = term.name == REGULARIZER
        if not (_known(epochs, "penalty") if regularizer else _measured(term, epochs)):
            continue
        title = "Penalty" if is_a(term, Spectral) else f"{term.name.capitalize()}: {one_line(term.title)}"
        symbol = "λ" if _strength(report["config"]["regularizer"]["weight"]) else "w"
        name, figure = "penalty" if regularizer else term.name, term_figure(term, epochs, symbol)
        found.append(Picture.of(name, title, term_text(term, epochs), figure, term_data(term, epochs)))
    return found


def term_text(term: TermRecord, epochs: Epochs) -> str:
    """A regularizer's words on its value; the term's on each figure, with the last value; in the order drawn.

    Args:
        term: of the loss.
        epochs: records, with their figures among their keys.

    Returns:
        Sentences.
    """
    sentences = [one_line(term.meaning["value"])] if term.name == REGULARIZER else []
    names = _measured(term, epochs)
    for name in names:
        *_, last = (e for e in epochs if e.get(f"{term.name}.{name}") is not None)
        when = "in the last epoch" if last is epochs[-1] else f"in epoch {last['epoch']}"
        meaning = one_line(term.meaning.get(name, _spoken(name))).rstrip(". ")
        sentences.append(f"{meaning}: {last[f'{term.name}.{name}']:.3g} {when}.")
    if len(names) > MOST_FIGURES:
        sentences.append(f"The first {MOST_FIGURES} of these figures are drawn.")
    return " ".join(sentences)


def term_figure(term: TermRecord, epochs: Epochs, symbol: str = "w") -> Figure:
    """A regularizer's value and weight beside each other, and below them the first figures, two in a row.

    Args:
        term: of the loss.
        epochs: records, with their figures among their keys.
        symbol: of the weight, w or λ.

    Returns:
        The figure; of another term its figures alone.
    """
    value = "mean ‖vᵀA‖²" if is_a(term, Spectral) else drawn(one_line(term.title), 40)
    panels = [("penalty", value, GREEN), ("weight", f"weight {symbol}", RED)] if term.name == REGULARIZER else []
    names = _measured(term, epochs)[:MOST_FIGURES]
    panels += [(f"{term.name}.{name}", drawn(_spoken(name), 30), BLUE) for name in names]
    rows, columns = math.ceil(len(panels) / 2), min(2, len(panels))
    figure = Figure(figsize=(4 * columns, 3 + 2.3 * (rows - 1)), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (key, label, colour) in zip(grid, panels, strict=False):
        by_epoch(axes, epochs, key, colour, "", "-")
        axes.set_ylabel(label)
    # a figure that some epochs lack has the same epochs below it
    whole = [limit for axes in grid[: len(panels)] for limit in axes.get_xlim()]
    for axes in grid[: len(panels)]:
        axes.set_xlim(min(whole), max(whole))
    if term.name == REGULARIZER:
        if min(e["penalty"] for e in epochs if e["penalty"] is not None) > 0:
            grid[0].set_yscale("log")
        grid[1].set_ylim(bottom=0)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    return figure


def term_data(term: TermRecord, epochs: Epochs) -> dict[str, list[Any]]:
    """What a term's picture shows: a row for each epoch, with all of the term's figures.

    Args:
        term: of the loss.
        epochs: records, with their figures among their keys.

    Returns:
        Columns; a figure with the name of another column has its term's name before its own.
    """
    base = ("epoch", "steps", "penalty", "weight") if term.name == REGULARIZER else ("epoch", "steps")
    columns = {key: [e[key] for e in epochs] for key in base}
    for name in _names(term, epochs):
        key = f"{term.name}.{name}"
        columns[cell(key if name in base else one_line(name))] = [e.get(key) for e in epochs]
    return columns


def weight_words(weight: Any, epochs: Epochs) -> str:
    """A regularizer's weight as it was written, and by the other reading: λ = w/(1 − w).

    Args:
        weight: of a configuration.
        epochs: records, the last of which tells the weight that a schedule had then.

    Returns:
        Words.

    Example:
        >>> weight_words(0.2, [])
        'w = 0.2 (λ = 0.25)'
        >>> weight_words({"lambda": {0: 1, 5: 4}}, [{"weight": 4.0}])
        'λ by epoch (0: 1, 5: 4); in the last epoch λ = 4 (w = 0.8)'
    """
    strength = _strength(weight)
    written = weight["lambda"] if strength else weight
    if not isinstance(written, Mapping):
        return _both(float(written), strength)
    text = f"{'λ' if strength else 'w'} by epoch ({words.schedule(written)})"
    return f"{text}; in the last epoch {_both(epochs[-1]['weight'], strength)}" if epochs else text


def _both(value: float, strength: bool) -> str:
    if strength:
        return f"λ = {value:g} (w = {value / (1 + value):.3g})"
    return f"w = {value:g} (λ = {f'{value / (1 - value):.3g}' if value < 1 else '∞'})"


def _strength(weight: Any) -> bool:
    """Whether a weight is written as {lambda: λ}."""
    return isinstance(weight, Mapping) and set(weight) == {"lambda"}


def _names(term: TermRecord, epochs: Epochs) -> list[str]:
    """The term's figures: those that it says something of, then others that its epochs have."""
    prefix = f"{term.name}."
    others = [key.removeprefix(prefix) for e in epochs for key in e["figures"] if key.startswith(prefix)]
    return [name for name in dict.fromkeys([*term.meaning, *others]) if name != "value"]


def _measured(term: TermRecord, epochs: Epochs) -> list[str]:
    """Those of them that an epoch has."""
    return [name for name in _names(term, epochs) if _known(epochs, f"{term.name}.{name}")]


def _known(epochs: Epochs, key: str) -> bool:
    return any(e.get(key) is not None for e in epochs)


def _spoken(name: str) -> str:
    return one_line(name.replace("_", " "))
