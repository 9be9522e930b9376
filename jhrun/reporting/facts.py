"""What a report says of its run in words: what was run, where, and what its figures mean."""

from collections.abc import Mapping
from typing import Any

from jhrun.records import Decision, Proportion
from jhrun.records.words import sample, subset
from jhrun.reporting import words
from jhrun.reporting.document import Report
from jhrun.reporting.terms import is_a, term_of, weight_words
from jhrun.terms import REGULARIZER, Spectral

MEANING_OF_ROBUST = (
    "An example counts as robust when it is right clean and at the worst input that the attack met; the worst "
    "case counts it when it is right under every attack of one norm. ε is the radius in pixels of [0, 1], in ℓ∞ "
    "where nothing else is said. A dash: the attack saw only the n examples that earlier ones had left."
)
MEANING_OF_SKILL = (
    "Skill is 1 − MSE/Var(target): 0 for the best constant, 1 for the truth. What should be zero in the "
    "derivatives means nothing where nothing was learned; it is exact, the mean over n held-out points."
)


def meaning(report: Report) -> str:
    """What the headline's figures mean."""
    if report.task:
        return MEANING_OF_SKILL
    return MEANING_OF_ROBUST if report.clean is None else f"{MEANING_OF_ROBUST} {_sample(report.clean, report)}"


def describe(report: Report) -> list[tuple[str, str]]:
    """What was run, and on what machine, as label and text."""
    setup, machine, epochs = report.setup, report.environment, report.epochs
    regularizer = term_of(report, REGULARIZER)
    facts = [
        ("data", _choice(setup.dataset)),
        ("model", _choice(setup.model)),
        ("objective", _choice(setup.objective)),
        ("penalty", _penalty(report)),
    ]
    states = [term.confirmed for term in report.terms if term.confirmed]
    if states:
        facts.append(("evidence", f"{'; '.join(states)} (jhrun list explains the words)"))
    if regularizer is not None:
        facts.append(("weight", weight_words(setup.regularizer.get("weight"), epochs)))
    if setup.regularizer.get("penalties"):
        facts.append(("solver", _choice(setup.solver)))
    if report.decisions:
        facts.append(("directions", "; ".join(map(_decision, report.decisions))))
    facts.append(("optimizer", f"{_choice(setup.optimizer)}, batch {setup.train.batch_size}"))
    if setup.averaging.get("_target_"):
        facts.append(("averaging", _choice(setup.averaging)))
    facts += [
        ("epochs", f"{epochs[-1].epoch if epochs else 0} of {setup.train.epochs}"),
        ("seed", str(setup.seed)),
        *_evaluated(report),
        ("time", f"{words.duration(report.seconds)} of training and evaluation"),
    ]
    if peaks := [e.memory for e in epochs if e.memory is not None]:
        whose = "the GPU's tensors" if machine.cuda else "the process"
        facts.append(("peak memory", f"{words.memory(max(peaks))} of {whose}, in training"))
    versions = f"jhrun {machine.jhrun}, Python {machine.python}, PyTorch {machine.torch}"
    return [*facts, ("machine", f"{machine.device}, {machine.platform}"), ("versions", versions)]


def _evaluated(report: Report) -> list[tuple[str, str]]:
    if not report.evaluation:
        return []
    text = f"checkpoint {report.checkpoint}, evaluation {report.evaluation}"
    if report.clean:
        text += f", {sample(report.clean.n, report.total)}"
    return [("evaluated", text)]


def _penalty(report: Report) -> str:
    """The regularizer: its matrices, or of another term the class with its arguments."""
    node, term = report.setup.regularizer, term_of(report, REGULARIZER)
    if term is None:
        return "none"
    if is_a(term, Spectral):
        return " + ".join(_class(matrix) for matrix in node.get("penalties") or [])
    return _choice({key: value for key, value in node.items() if key not in {"weight", "fraction"}})


def _choice(node: Mapping[str, Any]) -> str:
    arguments = ", ".join(
        _argument(key, value)
        for key, value in node.items()
        if key not in {"_target_", "root", "download"} and value is not None
    )
    return f"{_class(node)} ({arguments})" if arguments else _class(node)


def _argument(key: str, value: Any) -> str:
    """A key with its value, in words."""
    name = {"lr": "learning rate", "eps": "ε"}.get(key, key.replace("_", " "))
    if value is True:
        return name
    return f"no {name}" if value is False or value == "none" else f"{name} {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " and ".join(map(_value, value))
    if isinstance(value, Mapping) and "_target_" in value:
        return _choice(value)
    return f"{value:g}" if isinstance(value, float) else words.schedule(value)


def _class(node: Mapping[str, Any]) -> str:
    return str(node.get("_target_")).rsplit(".", 1)[-1]


def _decision(decision: Decision) -> str:
    where = f" (penalty {decision.penalty + 1})" if decision.penalty else ""
    return f"{decision.name} from epoch {decision.epoch}{where}, truth {decision.taken.truth:.3f}"


def _sample(clean: Proportion, report: Report) -> str:
    text = f"The shares are of {sample(clean.n, report.total)}"
    if subset(clean.n, report.total):
        text += "; the intervals tell how far the whole test set may be from them"
    return f"{text}."
