"""Methods of a paper: the loss, which is the task's and a regularizer's with its weight."""

import re
from typing import Any

from jhrun.records import Decision, TermRecord
from jhrun.reporting.document import Node
from jhrun.reporting.latex.names import Names
from jhrun.reporting.latex.phrases import phrases
from jhrun.reporting.latex.values import bracketed, equation, listed, spoken
from jhrun.reporting.terms import is_a, strength_of, term_of
from jhrun.reporting.text import one_line, tex
from jhrun.reporting.words import counted
from jhrun.terms import OBJECTIVE, REGULARIZER, Spectral, Task

MOST = 8
"""So many decisions of a run are named."""

WAYS = {
    "exact": "an exact decomposition",
    "lanczos": "the Lanczos method (n = {n})",
    "tracked": "keeping the vector of the last visit",
    "start": "taking the vector that the matrix offers",
}
"""What a decision may be for, as in ``jhrun.records.Decision``."""


def loss(names: Names) -> str:
    """What was minimised.

    Args:
        names: of the run.

    Returns:
        Sentences.
    """
    report, node = names.report, names.report.setup.regularizer
    objective, term = term_of(report, OBJECTIVE), term_of(report, REGULARIZER)
    own = objective is not None and not is_a(objective, Task)
    task = names.titled(objective) if objective is not None and own else names.named(report.setup.objective)
    task += bracketed(phrases(report.setup.objective))
    if term is None:
        return f"The loss was the {task} alone, without a regularizer."
    regularizer = _spectral(names, node) if is_a(term, Spectral) else _other(names, term, node)
    text = f"The loss was {_sum(node.get('weight'))}, where $L$ is the {task} and $R$ is {regularizer}"
    fraction = node.get("fraction", 1.0)
    share = f" $R$ was taken of a random share of {spoken(fraction)} of each batch."
    return text if fraction == 1 else text + share


def _sum(weight: Any) -> str:
    strength = strength_of(weight)
    if strength is None:
        return r"$(1-w)\,L+w\,R$ with " + equation("w", weight)
    return r"$L+\lambda R$ with " + equation(r"\lambda", strength)


def _spectral(names: Names, node: Node) -> str:
    solver, cites = names.report.setup.solver, names.sources(str(node.get("_target_")))
    matrices = [_matrix(names, one, cites) for one in node.get("penalties") or []]
    several = " and over the matrices $A$" if len(matrices) > 1 else ""
    text = (
        rf"the mean over the examples{several} of $\|v^\top A\|_2^2$"
        f"{cites}. Here $A$ is {listed(matrices)}, and $v$, constant where $R$ is differentiated, is "
        f"{names.named(solver)}{bracketed(phrases(solver))}."
    )
    return re.sub(r" of A\b", " of $A$", text) + _decisions(names.report.decisions)


def _matrix(names: Names, node: Node, cited: str) -> str:
    """A matrix; what the penalty cites is not cited again."""
    of = node.get("of")
    own = names.sources(str(node.get("_target_")))
    said = [*phrases(node), *([f"of the {tex(one_line(of))}"] if of else [])]
    return f"{names.title(node)}{own if own != cited else ''}{bracketed(said)}"


def _decisions(decisions: tuple[Decision, ...]) -> str:
    told: list[str] = []
    last: dict[int, str] = {}
    for decision in decisions:
        way = WAYS.get(decision.solver)
        way = tex(one_line(decision.name) if way is None else way.format(n=decision.n))
        if way != last.get(decision.penalty):
            matrix = f" for matrix {decision.penalty + 1}" if decision.penalty else ""
            told.append(f"by {way} from epoch {decision.epoch} on{matrix}")
        last[decision.penalty] = way
    more = f", with {counted(len(told) - MOST, 'later change')}" if len(told) > MOST else ""
    chosen = f" As measured cost and accuracy had it, $v$ was found {listed(told[:MOST])}{more}."
    return chosen if told else ""


def _other(names: Names, term: TermRecord, node: Node) -> str:
    meaning = one_line(term.value)
    # not of an abbreviation
    meaning = meaning[:1].lower() + meaning[1:] if meaning[1:2].islower() or meaning[1:2] == " " else meaning
    return f"{names.titled(term)}{bracketed(phrases(node))}: {tex(meaning.rstrip('. '))}."
