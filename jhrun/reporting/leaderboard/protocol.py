"""What a run of the paper's protocol has for the published tables."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jhrun.folder import RunFolder
from jhrun.jsonio import read_lines
from jhrun.reporting.joined import claim_of, document, same_network
from jhrun.reporting.leaderboard.columns import Value, number, share
from jhrun.reporting.tables import radius
from jhrun.reporting.text import one_line
from jhrun.reporting.words import subset

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


def paper_run(path: Path, report: dict[str, Any]) -> PaperRun | None:
    """Gather them.

    Args:
        path: of the run.
        report: of the run, in the form of ``report.json``.

    Returns:
        The figures; None for a run that was not made by ``experiment=paper/…``.
    """
    if not isinstance(report["config"]["paper"], dict):
        return None
    figures: dict[str, Value] = {}
    last = [e for e in report["evaluations"].values() if e["checkpoint"] == "last" and e.get("attacks")]
    usual = [e for e in last if (e["attacks"].get("pgd20") or {}).get("accuracy") is not None]
    epsilon = examples = over = ""
    if usual:
        # on the most examples, with the most steps, and of those that are alike the newest
        chosen = max(enumerate(usual), key=lambda pair: (*_weight(pair[1]), pair[0]))[1]
        attack = chosen["attacks"]["pgd20"]
        # at its last iterate, as is published
        figures |= {"clean": share(chosen["clean"]), "pgd20": share(attack["last"] or attack)}
        epsilon, examples = radius(number(attack["epsilon"])), _examples(chosen)
        rivals = [e for e in last if same_network(e, chosen) and claim_of(e) == claim_of(chosen)]
        joined = document(RunFolder(path), rivals, rivals)
        figures["worst_case"] = share(joined["worst_case"])
        names = ", ".join(one_line(n) for n, a in joined["attacks"].items() if a["norm"] == "inf")
        over = ", on ".join(filter(None, (names, _examples(joined))))
    lines = list(read_lines(RunFolder(path).path / SELECTED))
    for name in ("clean", "pgd20"):
        known = [number(line[name]) for line in lines if line[name] is not None]
        if known:
            figures[f"selected_{name}"] = Value(max(known))
    return PaperRun(figures, epsilon, examples, over)


def _weight(evaluation: dict[str, Any]) -> tuple[float, float]:
    attack = evaluation["attacks"]["pgd20"]
    return number(evaluation["clean"]["n"]), number((attack["parameters"]).get("steps", 0))


def _examples(evaluation: dict[str, Any]) -> str:
    n, total = int(number(evaluation["clean"]["n"])), evaluation["total"]
    return f"{n:,} of {total:,} test examples" if subset(n, total) else ""
