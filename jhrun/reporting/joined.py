"""The headline of a run: what remains right under all attacks of the evaluations that make the same claim.

The rules are in docs/report.md, "The headline".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jhrun.evaluation.store import load_analysis, read_npz
from jhrun.folder import RunFolder
from jhrun.records import NOT_CHECKED, ClassRecord, EvaluationRecord, Proportion
from jhrun.reporting.document import Evaluated, Headline, Setup

Claim = tuple[str, tuple[float, ...]] | None


@dataclass(frozen=True)
class Outcome:
    """What became of the examples of an evaluation, (n,) each.

    Attributes:
        index: their places in the test set.
        target: their right classes.
        right: whether they are classified right clean.
        robust: whether they are, under every attack of the claim too.
    """

    index: NDArray[Any]
    target: NDArray[Any]
    right: NDArray[Any]
    robust: NDArray[Any]


def headline_of(folder: RunFolder, setup: Setup, records: Mapping[str, Evaluated]) -> Headline:
    """What a run's page is about.

    Args:
        folder: of the run.
        setup: the run's configuration.
        records: every evaluation by name, the newest last; at least one.

    Returns:
        The figures.
    """
    anchor = max(enumerate(records.values()), key=lambda pair: (*_preference(pair[1], setup), pair[0]))[1]
    related = [record for record in records.values() if same_network(record, anchor)]
    group = [record for record in related if anchor.attacks and claim_of(record) == claim_of(anchor)]
    return document(folder, group or [anchor], related)


def single(folder: RunFolder, records: Mapping[str, Evaluated], name: str) -> Headline:
    """The same of one evaluation alone."""
    record = records[name]
    return document(folder, [record], [record])


def claim_of(record: EvaluationRecord) -> Claim:
    """Norm and radii of the worst case of an evaluation; None without an attack."""
    norm = record.worst_case_norm
    radii = {attack.epsilon for attack in record.attacks.values() if attack.norm == norm}
    return (str(norm), tuple(sorted(radii))) if radii else None


def claimed(record: EvaluationRecord) -> list[str]:
    """The attacks that the worst case of an evaluation is over."""
    claim = claim_of(record)
    return [name for name, attack in record.attacks.items() if claim and attack.norm == claim[0]]


def same_network(one: EvaluationRecord, other: EvaluationRecord) -> bool:
    """Whether two evaluations are of one checkpoint."""
    return (one.checkpoint, one.epoch, one.weights) == (other.checkpoint, other.epoch, other.weights)


def outcome_of(folder: RunFolder, record: EvaluationRecord, names: Sequence[str] | None = None) -> Outcome:
    """Read what became of the examples of an evaluation.

    Args:
        folder: of the run.
        record: of the evaluation.
        names: of the attacks; all of the claim if not given.

    Returns:
        One entry for each example that was attacked.
    """
    return read_outcome(folder, record.name, claimed(record) if names is None else names)


def read_outcome(folder: RunFolder, name: str, attacks: Sequence[str]) -> Outcome:
    """What became of the examples of an evaluation under some of its attacks.

    Args:
        folder: of the run.
        name: of the evaluation.
        attacks: by name.

    Returns:
        One entry for each example.
    """
    each = read_npz(folder.evaluation(name) / "per_example.npz")
    right = robust = each["clean"] == each["target"]
    for attack in attacks:
        robust = robust & each[f"{attack}.robust"]
    return Outcome(each["index"], each["target"], right, robust)


def _preference(record: EvaluationRecord, setup: Setup) -> tuple[bool, bool, int, bool, bool]:
    """Which claim a run's page is about: the larger tuple."""
    norm, radii = claim_of(record) or ("", ())
    own = setup.epsilon if norm == "inf" else setup.epsilon_l2
    as_configured = own is not None and radii == (float(Fraction(str(own))),)
    last = record.checkpoint == "last"
    return bool(radii and radii[-1] > 0), last, record.epoch, as_configured, norm == "inf"


def document(folder: RunFolder, group: Sequence[Evaluated], related: Sequence[Evaluated]) -> Headline:
    """The same for evaluations that make one claim.

    Args:
        folder: of the run.
        group: the evaluations, the newest last; at least one.
        related: all evaluations of the network, whose analyses may be shown.

    Returns:
        The figures.
    """
    lead = group[-1]
    worst_case, per_class = lead.worst_case, lead.per_class
    if len(group) > 1:
        lead, worst_case, per_class = _joined(folder, group)
    attacks = dict(lead.attacks)
    # of an attack that several others have, the one on most examples, and then the newest
    for record in sorted(group, key=lambda r: (_n(r), r.date), reverse=True):
        attacks |= {name: record.attacks[name] for name in claimed(record) if name not in attacks}
    # of what needs no attack, every evaluation of the network has its say: of most examples, the newest
    others = sorted([*related, *group], key=lambda r: (r is lead, r in group, _n(r)))
    sources = {name: record.name for record in others for name in record.analyses}
    sources |= dict.fromkeys({"verdict"} & {*lead.analyses}, lead.name)
    found = [load_analysis(folder.evaluation(source), name, drawn=False) for name, source in sources.items()]
    found.sort(key=lambda analysis: (analysis.date, analysis.name))
    return Headline(
        evaluation=lead.name,
        joined=tuple(record.name for record in group),
        checkpoint=lead.checkpoint,
        verdict=lead.verdict,
        total=lead.total,
        clean=lead.clean,
        attacks=attacks,
        worst_case=worst_case,
        worst_case_norm=lead.worst_case_norm,
        per_class=per_class,
        classes=lead.classes,
        task=lead.task,
        analyses={analysis.name: analysis for analysis in found},
        sources={analysis.name: sources[analysis.name] for analysis in found},
    )


def _n(record: EvaluationRecord) -> int:
    """How many examples were attacked."""
    return 0 if record.clean is None else record.clean.n


def _joined(
    folder: RunFolder, group: Sequence[Evaluated]
) -> tuple[Evaluated, Proportion, Mapping[str, ClassRecord]]:
    """The evaluation that leads, and its examples' worst case over all evaluations of the group, also by class."""
    outcomes = [outcome_of(folder, record) for record in group]
    robust = np.ones(1 + max(int(o.index.max()) for o in outcomes), dtype=bool)
    for outcome in outcomes:
        robust[outcome.index] &= outcome.robust
    left = [float(robust[o.index].mean()) for o in outcomes]
    n = [len(o.index) for o in outcomes]
    best = [i for i in range(len(group)) if not any(n[k] >= n[i] and left[k] < left[i] for k in range(len(group)))]
    place = max(best, key=lambda i: (*_completeness(group[i], n[i]), i))
    lead, outcome = group[place], outcomes[place]
    left_of = robust[outcome.index]
    return lead, _share(left_of), _by_class(lead, outcome, left_of)


def _completeness(record: Evaluated, n: int) -> tuple[bool, int, float, int]:
    """Whether no needed check was left out, examples, strength of the attacks, checks made: more is larger."""
    checks = record.verdict.checks if record.verdict else ()
    left_out = [check for check in checks if check.outcome == NOT_CHECKED]
    complete = bool(checks) and not any(check.required for check in left_out)
    worst = record.worst_case.accuracy if record.worst_case else 1.0
    return complete, n, -worst, len(checks) - len(left_out)


def _by_class(lead: Evaluated, outcome: Outcome, robust: NDArray[Any]) -> Mapping[str, ClassRecord]:
    classes = {}
    for number, name in enumerate(lead.classes if lead.per_class else ()):
        members = outcome.target == number
        if members.any():
            classes[name] = ClassRecord(*(_share(right[members]) for right in (outcome.right, robust)))
    return classes


def _share(right: NDArray[Any]) -> Proportion:
    return Proportion.of(int(right.sum()), len(right))
