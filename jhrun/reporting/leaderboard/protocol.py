"""What a run of the paper's protocol has for the published tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jhrun.folder import RunFolder
from jhrun.jsonio import read_lines, typed
from jhrun.records import AttackRecord, EvaluationRecord
from jhrun.records.words import radius, subset
from jhrun.reporting.document import Headline, Report
from jhrun.reporting.joined import claim_of, document, same_network
from jhrun.reporting.leaderboard.columns import Value, number, share
from jhrun.reporting.text import one_line

USUAL = "pgd20"
"""The attack of the published tables."""

SELECTED = "selected.jsonl"
"""Accuracies on the test set: clean after each epoch, under PGD-20 after each of the last ten."""


@dataclass(frozen=True)
class PaperRun:
    """The figures of one run, all of its last epoch's network but those that were selected.

    Attributes:
        figures: ``clean``, ``pgd20``, ``worst_case``, and selected on test data ``selected_clean`` and
            ``selected_pgd20``; those that it has.
        epsilon: of its PGD-20, as it is written; empty where there is none.
        examples: where they were not all, on how many of the test set.
        over: the attacks that the worst case is over, in words.
    """

    figures: dict[str, Value] = field(default_factory=dict)
    epsilon: str = ""
    examples: str = ""
    over: str = ""


@dataclass(frozen=True)
class _Selected:
    """A line of ``selected.jsonl``."""

    clean: float | None
    pgd20: float | None


def paper_run(path: Path, report: Report) -> PaperRun | None:
    """Gather them.

    Args:
        path: of the run.
        report: of the run.

    Returns:
        The figures; None for a run that was not made by ``experiment=paper/…``.
    """
    if not isinstance(report.setup.paper, Mapping):
        return None
    figures: dict[str, Value] = {}
    last = [e for e in report.evaluations.values() if e.checkpoint == "last" and e.attacks]
    usual = [(e, attack) for e in last if (attack := e.attacks.get(USUAL)) and attack.robust]
    epsilon = examples = over = ""
    if usual:
        # on the most examples, with the most steps, and of those that are alike the newest
        chosen, attack = max(enumerate(usual), key=lambda pair: (*_weight(*pair[1]), pair[0]))[1]
        # at its last iterate, as is published
        if chosen.clean and (published := attack.last or attack.robust):
            figures |= {"clean": share(chosen.clean), "pgd20": share(published)}
        epsilon, examples = radius(number(attack.epsilon)), _examples(chosen)
        rivals = [e for e in last if same_network(e, chosen) and claim_of(e) == claim_of(chosen)]
        joined = document(RunFolder(path), rivals, rivals)
        if joined.worst_case:
            figures["worst_case"] = share(joined.worst_case)
        names = ", ".join(one_line(n) for n, a in joined.attacks.items() if a.norm == "inf")
        over = ", on ".join(filter(None, (names, _examples(joined))))
    file = RunFolder(path).path / SELECTED
    lines = [typed(line, _Selected, file) for line in read_lines(file)]
    for name in ("clean", "pgd20"):
        known = [number(value) for line in lines if (value := getattr(line, name)) is not None]
        if known:
            figures[f"selected_{name}"] = Value(max(known))
    return PaperRun(figures, epsilon, examples, over)


def _weight(evaluation: EvaluationRecord, attack: AttackRecord) -> tuple[float, float]:
    return evaluation.clean.n if evaluation.clean else 0, number(attack.parameters.get("steps", 0))


def _examples(evaluation: EvaluationRecord | Headline) -> str:
    n, total = evaluation.clean.n if evaluation.clean else 0, evaluation.total
    return f"{n:,} of {total:,} test examples" if subset(n, total) else ""
