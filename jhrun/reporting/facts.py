"""What a report says of its run in words: what was run, where, and what its figures mean."""

from collections.abc import Mapping
from typing import Any

from jhrun.records import Decision, TermRecord
from jhrun.reporting import words
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


def meaning(report: dict[str, Any]) -> str:
    """What the headline's figures mean."""
    if report["task"]:
        return MEANING_OF_SKILL
    return MEANING_OF_ROBUST if report["clean"] is None else f"{MEANING_OF_ROBUST} {_sample(report)}"


def describe(report: dict[str, Any]) -> list[tuple[str, str]]:
    """What was run, and on what machine, as label and text."""
    config, machine, epochs = report["config"], report["environment"], report["epochs"]
    regularizer = term_of(report, REGULARIZER)
    facts = [
        ("data", _choice(config["dataset"])),
        ("model", _choice(config["model"])),
        ("objective", _choice(config["objective"])),
        ("penalty", _penalty(report)),
    ]
    states = [term.confirmed for entry in report["terms"] if (term := TermRecord.of(entry)).confirmed]
    if states:
        facts.append(("evidence", f"{'; '.join(states)} (jhrun list explains the words)"))
    if regularizer is not None:
        facts.append(("weight", weight_words(config["regularizer"]["weight"], epochs)))
    if config["regularizer"].get("penalties"):
        facts.append(("solver", _choice(config["solver"])))
    if report["decisions"]:
        facts.append(("directions", "; ".join(map(_decision, report["decisions"]))))
    facts += [
        ("optimizer", f"{_choice(config['optimizer'])}, batch {config['train']['batch_size']}"),
        *([("averaging", _choice(config["averaging"]))] if config["averaging"]["_target_"] else []),
        ("epochs", f"{epochs[-1]['epoch'] if epochs else 0} of {config['train']['epochs']}"),
        ("seed", str(config["seed"])),
        ("time", f"{words.duration(report['seconds'])} of training and evaluation"),
        ("machine", f"{machine['device']}, {machine['platform']}"),
        ("versions", f"jhrun {machine['jhrun']}, Python {machine['python']}, PyTorch {machine['torch']}"),
    ]
    if peaks := [e["memory"] for e in epochs if e["memory"] is not None]:
        whose = "the GPU's tensors" if machine["cuda"] else "the process"
        facts.insert(-2, ("peak memory", f"{words.memory(max(peaks))} of {whose}, in training"))
    if report["evaluation"]:
        text = f"checkpoint {report['checkpoint']}, evaluation {report['evaluation']}"
        if report["clean"]:
            text += f", {words.sample(report['clean']['n'], report['total'])}"
        facts.insert([label for label, _ in facts].index("time"), ("evaluated", text))
    return facts


def _penalty(report: dict[str, Any]) -> str:
    """The regularizer: its matrices, or of another term the class with its arguments."""
    node, term = report["config"]["regularizer"], term_of(report, REGULARIZER)
    if term is None:
        return "none"
    if is_a(term, Spectral):
        return " + ".join(_class(matrix) for matrix in node["penalties"])
    return _choice({key: value for key, value in node.items() if key not in {"weight", "fraction"}})


def _choice(node: Mapping[str, Any]) -> str:
    arguments = ", ".join(
        f"{key} {_argument(value)}"
        for key, value in node.items()
        if key not in {"_target_", "root", "download"} and value is not None
    )
    return f"{_class(node)} ({arguments})" if arguments else _class(node)


def _argument(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_argument, value))}]"
    if isinstance(value, Mapping) and "_target_" in value:
        return _choice(value)
    return words.schedule(value)


def _class(node: Mapping[str, Any]) -> str:
    return str(node["_target_"]).rsplit(".", 1)[-1]


def _decision(line: dict[str, Any]) -> str:
    decision = Decision.of(line)
    where = f" (penalty {decision.penalty + 1})" if decision.penalty else ""
    return f"{decision.name} from epoch {decision.epoch}{where}, truth {decision.taken.truth:.3f}"


def _sample(report: dict[str, Any]) -> str:
    n, total = report["clean"]["n"], report["total"]
    text = f"The shares are of {words.sample(n, total)}"
    if words.subset(n, total):
        text += "; the intervals tell how far the whole test set may be from them"
    return f"{text}."
