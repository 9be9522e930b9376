"""What a report shows of the terms of the loss: their figures by epoch, in the terms' own words."""

from collections.abc import Mapping, Sequence
from typing import Any

from jhrun.records import EpochRecord, Figure, Panel, Series, TermRecord
from jhrun.records.section import columns_of
from jhrun.reporting import words
from jhrun.reporting.document import Report
from jhrun.reporting.text import cell, drawn, one_line
from jhrun.terms import OBJECTIVE, REGULARIZER, Spectral, Task

MOST_FIGURES = 6
"""So many figures of a term are drawn; its CSV has all."""

Epochs = Sequence[EpochRecord]


def is_a(term: TermRecord, kind: type) -> bool:
    """Whether a term is of a class of jhrun's own, known by its path."""
    return term.kind == f"{kind.__module__}.{kind.__qualname__}"


def term_of(report: Report, name: str) -> TermRecord | None:
    """The term with a name; None where the loss has none."""
    return next((term for term in report.terms if term.name == name), None)


def objective_words(report: Report) -> str:
    """What is drawn as the training batches' loss, where that is not the task's own; else empty."""
    term = term_of(report, OBJECTIVE)
    if term is None or is_a(term, Task):
        return ""
    title = one_line(term.title)
    return f" The training batches' loss is that of the objective, {title}: {one_line(term.value)}"


def term_figures(report: Report) -> list[Figure]:
    """A figure of the regularizer, and one of an objective that has figures of its own."""
    found, epochs = [], report.epochs
    for term in report.terms:
        regularizer = term.name == REGULARIZER
        there = any(e.penalty is not None for e in epochs) if regularizer else bool(_measured(term, epochs))
        if there:
            strength = _strength(report.setup.regularizer.get("weight"))
            found.append(term_figure(term, epochs, "λ" if strength else "w"))
    return found


def term_figure(term: TermRecord, epochs: Epochs, symbol: str = "w") -> Figure:
    """A regularizer's value and weight beside each other, and the term's first figures.

    Args:
        term: of the loss.
        epochs: records.
        symbol: of the weight, w or λ.

    Returns:
        The figure; of another term its figures alone.
    """
    columns = _columns(term, epochs)
    panels = []
    if term.name == REGULARIZER:
        value = "mean ‖vᵀA‖²" if is_a(term, Spectral) else drawn(one_line(term.title), 40)
        positive = all(e.penalty is None or e.penalty > 0 for e in epochs)
        panels = [
            _panel("penalty", value, epochs, log=positive),
            _panel("weight", f"weight {symbol}", epochs),
        ]
    panels += [
        _panel(_column(term, name), drawn(_spoken(name), 30), epochs)
        for name in _measured(term, epochs)[:MOST_FIGURES]
    ]
    title = "Penalty" if is_a(term, Spectral) else f"{term.name.capitalize()}: {one_line(term.title)}"
    name = "penalty" if term.name == REGULARIZER else term.name
    return Figure(name, title, term_text(term, epochs), columns, tuple(panels))


def _panel(column: str, label: str, epochs: Epochs, *, log: bool = False) -> Panel:
    # a figure that some epochs lack has the same epochs below it
    ends = (epochs[0].epoch, epochs[-1].epoch)
    limits = ends if ends[0] < ends[1] else None
    return Panel(
        "lines",
        "epoch",
        (Series(column),),
        x_label="epoch",
        y_label=label,
        x_limits=limits,
        y_scale="log" if log else "linear",
    )


def term_text(term: TermRecord, epochs: Epochs) -> str:
    """A regularizer's words on its value; the term's on each figure, with the last value; in the order drawn.

    Args:
        term: of the loss.
        epochs: records.

    Returns:
        Sentences.
    """
    sentences = [one_line(term.value)] if term.name == REGULARIZER else []
    names = _measured(term, epochs)
    for name in names:
        *_, last = (e for e in epochs if e.figures.get(f"{term.name}.{name}") is not None)
        when = "in the last epoch" if last is epochs[-1] else f"in epoch {last.epoch}"
        meaning = one_line(term.meaning.get(name, _spoken(name))).rstrip(". ")
        sentences.append(f"{meaning}: {last.figures.get(f'{term.name}.{name}'):.3g} {when}.")
    if len(names) > MOST_FIGURES:
        sentences.append(f"The first {MOST_FIGURES} of these figures are drawn.")
    return " ".join(sentences)


def _columns(term: TermRecord, epochs: Epochs) -> Mapping[str, Any]:
    """A row for each epoch, with all of the term's figures."""
    own = term.name == REGULARIZER
    names = _names(term, epochs)
    return columns_of(
        [
            {
                "epoch": e.epoch,
                "steps": e.steps,
                **({"penalty": e.penalty, "weight": e.weight} if own else {}),
                **{_column(term, name): e.figures.get(f"{term.name}.{name}") for name in names},
            }
            for e in epochs
        ]
    )


def _column(term: TermRecord, name: str) -> str:
    """The column of a figure; one with the name of another column has its term's name before its own."""
    taken = {"epoch", "steps", "penalty", "weight"}
    return cell(f"{term.name}.{name}" if name in taken else one_line(name))


def weight_words(weight: Any, epochs: Epochs) -> str:
    """A regularizer's weight as it was written, and by the other reading: λ = w/(1 − w).

    Args:
        weight: of a configuration.
        epochs: records, the last of which tells the weight that a schedule had then.

    Returns:
        Words.

    Example:
        >>> from jhrun.records import EpochRecord
        >>> weight_words(0.2, [])
        'w = 0.2 (λ = 0.25)'
        >>> last = EpochRecord(6, 1, 1.0, 1.0, 1.0, None, None, None, None, 0.1, 4.0)
        >>> weight_words({"lambda": {0: 1, 5: 4}}, [last])
        'λ by epoch (0: 1, 5: 4); in the last epoch λ = 4 (w = 0.8)'
    """
    strength = _strength(weight)
    written = weight["lambda"] if strength else weight
    if not isinstance(written, Mapping):
        return _both(float(written), strength)
    text = f"{'λ' if strength else 'w'} by epoch ({words.schedule(written)})"
    return f"{text}; in the last epoch {_both(epochs[-1].weight, strength)}" if epochs else text


def _both(value: float, strength: bool) -> str:
    if strength:
        return f"λ = {value:g} (w = {value / (1 + value):.3g})"
    return f"w = {value:g} (λ = {f'{value / (1 - value):.3g}' if value < 1 else '∞'})"


def strength_of(weight: Any) -> Any:
    """λ of a weight that is written as {lambda: λ}; None of another one."""
    return weight.get("lambda") if _strength(weight) else None


def _strength(weight: Any) -> bool:
    """Whether a weight is written as {lambda: λ}."""
    return isinstance(weight, Mapping) and set(weight) == {"lambda"}


def _names(term: TermRecord, epochs: Epochs) -> list[str]:
    """The term's figures: those that it says something of, then others that its epochs have."""
    prefix = f"{term.name}."
    others = [key.removeprefix(prefix) for e in epochs for key in e.figures if key.startswith(prefix)]
    return [name for name in dict.fromkeys([*term.meaning, *others]) if name != "value"]


def _measured(term: TermRecord, epochs: Epochs) -> list[str]:
    """Those of them that an epoch has."""
    keys = {name: f"{term.name}.{name}" for name in _names(term, epochs)}
    return [name for name, key in keys.items() if any(e.figures.get(key) is not None for e in epochs)]


def _spoken(name: str) -> str:
    return one_line(name.replace("_", " "))
