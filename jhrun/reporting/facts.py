"""What a report says of its run in words: what was run, where, and what its figures mean."""

from typing import Any

from jhrun.records import Decision
from jhrun.reporting import words

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
    penalties = [str(p["_target_"]).rsplit(".", 1)[-1] for p in config["regularizer"].get("penalties") or []]
    penalty = " + ".join(penalties) or "none"
    facts = [
        ("data", _choice(config["dataset"])),
        ("model", _choice(config["model"])),
        ("penalty", penalty),
        ("weight w", words.schedule(config["regularizer"]["weight"]) if penalties else "0"),
        ("solver", _choice(config["solver"]) if penalties else "not needed"),
        ("optimizer", f"{_choice(config['optimizer'])}, batch {config['train']['batch_size']}"),
        ("epochs", f"{epochs[-1]['epoch'] if epochs else 0} of {config['train']['epochs']}"),
        ("seed", str(config["seed"])),
        ("time", f"{words.duration(report['seconds'])} of training and evaluation"),
        ("machine", f"{machine['device']}, {machine['platform']}"),
        ("versions", f"jhrun {machine['jhrun']}, Python {machine['python']}, PyTorch {machine['torch']}"),
    ]
    if peaks := [e["memory"] for e in epochs if e["memory"] is not None]:
        whose = "the GPU's tensors" if machine["cuda"] else "the process"
        facts.insert(-2, ("peak memory", f"{words.memory(max(peaks))} of {whose}, in training"))
    if report["decisions"]:
        facts.insert(5, ("directions", "; ".join(map(_decision, report["decisions"]))))
    if report["evaluation"]:
        text = f"checkpoint {report['checkpoint']}, evaluation {report['evaluation']}"
        if report["clean"]:
            text += f", {words.sample(report['clean']['n'], report['total'])}"
        facts.insert([label for label, _ in facts].index("time"), ("evaluated", text))
    return facts


def _choice(node: dict[str, Any]) -> str:
    arguments = ", ".join(
        f"{key} {words.schedule(value)}"
        for key, value in node.items()
        if key not in {"_target_", "root", "download"} and value is not None
    )
    return f"{str(node['_target_']).rsplit('.', 1)[-1]} ({arguments})" if arguments else str(node["_target_"])


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
