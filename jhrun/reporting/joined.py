"""The headline of a run: what remains right under all attacks of the evaluations that make the same claim.

The rules are in docs/report.md, "The headline".
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jhrun.evaluation.store import read_npz
from jhrun.folder import RunFolder
from jhrun.jsonio import read_json
from jhrun.records import NOT_CHECKED, Proportion

Record = dict[str, Any]
"""An evaluation: its ``results.json``, and its ``verdict``."""

Claim = tuple[str, tuple[float, ...]] | None


NOTHING: Record = {
    **dict.fromkeys(("evaluation", "checkpoint", "verdict", "total", "clean", "worst_case", "task")),
    **dict.fromkeys(("worst_case_norm", "per_class", "curve", "curvature")),
    "joined": [],
    "attacks": {},
    "sources": {"curve": None, "curvature": None},
}
"""The headline of a run without an evaluation."""


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


def headline_of(folder: RunFolder, config: Mapping[str, Any], records: Mapping[str, Record]) -> Record:
    """The keys of ``report.json`` that tell of the headline.

    Args:
        folder: of the run.
        config: the run's configuration.
        records: every evaluation by name, the newest last; at least one.

    Returns:
        ``evaluation``, ``joined``, and the figures that follow from them.
    """
    anchor = max(enumerate(records.values()), key=lambda pair: (*_preference(pair[1], config), pair[0]))[1]
    related = [record for record in records.values() if same_network(record, anchor)]
    group = [record for record in related if anchor.get("attacks") and claim_of(record) == claim_of(anchor)]
    return document(folder, group or [anchor], related)


def single(folder: RunFolder, records: Mapping[str, Record], name: str) -> Record:
    """The same keys for one evaluation alone."""
    record = records[name]
    return document(folder, [record], [record])


def claim_of(record: Record) -> Claim:
    """Norm and radii of the worst case of an evaluation; None without an attack."""
    attacks, norm = record.get("attacks", {}), record.get("worst_case_norm")
    radii = {float(attack["epsilon"]) for attack in attacks.values() if attack["norm"] == norm}
    return (str(norm), tuple(sorted(radii))) if radii else None


def claimed(record: Record) -> list[str]:
    """The attacks that the worst case of an evaluation is over."""
    claim = claim_of(record)
    return [name for name, attack in record["attacks"].items() if attack["norm"] == claim[0]] if claim else []


def same_network(one: Record, other: Record) -> bool:
    """Whether two evaluations are of one checkpoint; those of a regression task have no hash of its weights."""
    return all(one.get(key) == other.get(key) for key in ("checkpoint", "epoch", "weights"))


def outcome_of(folder: RunFolder, record: Record, names: Sequence[str] | None = None) -> Outcome:
    """Read what became of the examples of an evaluation.

    Args:
        folder: of the run.
        record: of the evaluation.
        names: of the attacks; all of the claim if not given.

    Returns:
        One entry for each example that was attacked.
    """
    each = read_npz(folder.evaluation(record["name"]) / "per_example.npz")
    right = robust = each["clean"] == each["target"]
    for name in claimed(record) if names is None else names:
        robust = robust & each[f"{name}.robust"]
    return Outcome(each["index"], each["target"], right, robust)


def _preference(record: Record, config: Mapping[str, Any]) -> tuple[bool, bool, int, bool, bool]:
    """Which claim a run's page is about: the larger tuple."""
    found = claim_of(record)
    norm, radii = found or ("", ())
    own = config["epsilon" if norm == "inf" else "epsilon_l2"]
    as_configured = own is not None and radii == (float(Fraction(str(own))),)
    last = record["checkpoint"] == "last"
    return bool(radii and radii[-1] > 0), last, record["epoch"], as_configured, norm == "inf"


def document(folder: RunFolder, group: Sequence[Record], related: Sequence[Record]) -> Record:
    """The same keys for evaluations that make one claim.

    Args:
        folder: of the run.
        group: the evaluations, the newest last; at least one.
        related: all evaluations of the network, whose curves and curvature may be shown.

    Returns:
        The keys.
    """
    lead, figures = group[-1], None
    if len(group) > 1:
        lead, figures = _joined(folder, group)
    attacks = dict(lead.get("attacks", {}))
    # of an attack that several others have, the one on most examples, and then the newest
    for record in sorted(group, key=lambda r: ((r.get("clean") or {"n": 0})["n"], r["date"]), reverse=True):
        attacks |= {name: record["attacks"][name] for name in claimed(record) if name not in attacks}
    # of what needs no attack, every evaluation of the network has its say: of most examples, the newest
    others = sorted([*related, *group], key=lambda r: (r is lead, r in group, (r.get("clean") or {"n": 0})["n"]))
    curve = next((record for record in reversed(others) if record.get("curve")), None)
    measured = next((r for r in reversed(others) if _curvature(folder, r).is_file()), None)
    return {
        "evaluation": lead["name"],
        "joined": [record["name"] for record in group],
        "checkpoint": lead["checkpoint"],
        "verdict": lead["verdict"],
        "total": lead.get("total"),
        "clean": lead.get("clean"),
        "attacks": attacks,
        "worst_case": lead.get("worst_case"),
        "task": lead.get("task"),
        "worst_case_norm": lead.get("worst_case_norm"),
        "per_class": lead.get("per_class") or None,
        "curve": curve and curve["curve"],
        "curvature": measured and read_json(_curvature(folder, measured)),
        "sources": {"curve": curve and curve["name"], "curvature": measured and measured["name"]},
        **(figures or {}),
    }


def _joined(folder: RunFolder, group: Sequence[Record]) -> tuple[Record, Record]:
    """The evaluation that leads, and the figures of its examples over all evaluations of the group."""
    outcomes = [outcome_of(folder, record) for record in group]
    robust = np.ones(1 + max(int(o.index.max()) for o in outcomes), dtype=bool)
    for outcome in outcomes:
        robust[outcome.index] &= outcome.robust
    left = [float(robust[o.index].mean()) for o in outcomes]
    n = [len(o.index) for o in outcomes]
    best = [i for i in range(len(group)) if not any(n[k] >= n[i] and left[k] < left[i] for k in range(len(group)))]
    place = max(best, key=lambda i: (*_completeness(group[i], n[i]), i))
    lead, outcome = group[place], outcomes[place]
    return lead, _figures(lead, outcome, robust[outcome.index])


def _completeness(record: Record, n: int) -> tuple[bool, int, float, int]:
    """Whether no needed check was left out, examples, strength of the attacks, checks made: more is larger."""
    checks = record["verdict"]["checks"]
    left_out = [check for check in checks if check["outcome"] == NOT_CHECKED]
    complete = bool(checks) and not any(check["required"] for check in left_out)
    return complete, n, -record["worst_case"]["accuracy"], len(checks) - len(left_out)


def _figures(lead: Record, outcome: Outcome, robust: NDArray[Any]) -> Record:
    """Worst case, over all examples and over those of each class."""
    classes = {}
    for number, name in enumerate(lead["classes"] if lead["per_class"] else ()):
        members = outcome.target == number
        if members.any():
            rights = {"clean": outcome.right, "worst_case": robust}
            classes[name] = {key: _share(right[members]) for key, right in rights.items()}
    return {"worst_case": _share(robust), "per_class": classes or None}


def _share(right: NDArray[Any]) -> Record:
    share = asdict(Proportion.of(int(right.sum()), len(right)))
    return share | {"ci95": list(share["ci95"])}


def _curvature(folder: RunFolder, record: Record) -> Path:
    return folder.evaluation(str(record["name"])) / "curvature.json"
