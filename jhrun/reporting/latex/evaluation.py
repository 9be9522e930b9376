"""Methods of a paper: which network was evaluated, and how it was attacked."""

from collections import Counter
from collections.abc import Mapping, Sequence

from jhrun.records import AttackRecord
from jhrun.records.words import radius, subset
from jhrun.reporting.document import Report
from jhrun.reporting.latex.known import PYTORCH, TORCHATTACKS, WILSON
from jhrun.reporting.latex.phrases import phrase
from jhrun.reporting.latex.references import References
from jhrun.reporting.latex.values import bracketed, listed
from jhrun.reporting.text import one_line, tex
from jhrun.reporting.words import counted


def titles(attacks: Mapping[str, AttackRecord]) -> dict[str, str]:
    """What each attack is called, each by another name: by its steps where others are called the same.

    Args:
        attacks: by name.

    Returns:
        Plain text.
    """
    found = {name: attack.cited.title if attack.cited else name for name, attack in attacks.items()}
    for suffix in (lambda name: f"{attacks[name].parameters.get('steps', '')} steps", lambda name: name):
        count = Counter((title, attacks[name].norm) for name, title in found.items())
        found = {
            name: f"{title} ({suffix(name)})" if count[title, attacks[name].norm] > 1 else title
            for name, title in found.items()
        }
    return {name: one_line(title) for name, title in found.items()}


def selection(report: Report) -> str:
    """Which checkpoint was evaluated, and how it was chosen."""
    if report.evaluation is None:
        return "No network has been evaluated yet."
    epoch = f"epoch {report.evaluations[report.evaluation].epoch} of {report.setup.train.epochs}"
    chosen, raw = str(report.checkpoint), ""
    if chosen.endswith(", not averaged"):
        chosen, raw = chosen.removesuffix(", not averaged"), ", with its weights not averaged"
    if chosen == "last":
        return f"The network after the last epoch ({epoch}) was evaluated{raw}; no checkpoint was selected."
    if chosen == "best":
        rule = "lowest validation loss" if report.task else "highest validation accuracy"
        return f"The network after the epoch with the {rule} ({epoch}) was evaluated{raw}."
    return f"Checkpoint {tex(one_line(chosen))} ({epoch}) was evaluated{raw}."


def attacks(report: Report, runs: int, references: References) -> str:
    """The attacks on one or several runs with their balls and budgets; the report is of the first run."""
    if report.task is not None:
        return (
            f"The figures are of {report.task.n:,} held-out points: the mean squared error (MSE), and the skill, "
            r"$1-\mathrm{MSE}/\mathrm{Var}(y)$, which is 0 for the best constant and 1 for the truth."
        )
    if report.clean is None:
        return ""
    n, total = report.clean.n, report.total
    some = f"{n:,} of {total:,} test examples, drawn at random"
    on = some if subset(n, total) else f"all {n:,} test examples"
    if not report.attacks:
        return f"Accuracy was measured on {on}; no attack was made."
    text = f"Robustness was measured on {on}, with pixels in $[0,1]$: {_balls(report, references)}."
    if any(attack.robust is None for attack in report.attacks.values()):
        text += " Attacks after the first of a norm saw only the examples that the earlier ones had left."
    over = [attack for attack in report.attacks.values() if attack.norm == report.worst_case_norm]
    if len(over) > 1:
        norm = _norm(str(report.worst_case_norm))
        text += f" The worst case is over all {len(over)} attacks in {norm}."
    evaluations = report.joined or (str(report.evaluation),)
    drawn = {report.evaluations[name].seed for name in evaluations}
    if runs > 1 and drawn == {report.setup.seed}:
        return f"{text} The attacks' random numbers were drawn from the seed of each training."
    listing = listed([str(seed) for seed in sorted(drawn)])
    return f"{text} The attacks' random numbers were drawn from seed {listing}."


def meaning(report: Report, runs: int, references: References) -> str:
    """What the figures of one or several runs mean."""
    if report.clean is None:
        return ""
    if runs > 1:
        interval = "Figures are means over the seeds, with the sample standard deviation."
    else:
        cites = references.cite("Wilson score interval", WILSON)
        interval = f"Intervals are 95\\,\\% Wilson score intervals{cites}."
    robust = (
        "An example counts as robust under an attack, or in the worst case under all of them, if it is classified "
        "correctly both without a perturbation and at the worst input that was met."
    )
    return f"{robust} {interval}" if report.attacks else interval


def _balls(report: Report, references: References) -> str:
    names = titles(report.attacks)
    balls: dict[tuple[str, float], list[str]] = {}
    for name, attack in report.attacks.items():
        balls.setdefault((attack.norm, attack.epsilon), []).append(_attack(names[name], attack, references))
    return "; ".join(f"in the {_ball(*ball)} by {listed(found)}" for ball, found in balls.items())


def _attack(title: str, attack: AttackRecord, references: References) -> str:
    cites = references.cite(title, attack.cited.bibtex) if attack.cited else ""
    said = [phrase(str(key), value) for key, value in attack.parameters.items()]
    return f"{tex(title)}{cites}{bracketed([text for text in said if text])}"


def _norm(norm: str) -> str:
    return r"$\ell_\infty$" if norm == "inf" else "$\\ell_2$" if norm == "2" else tex(one_line(f"ℓ{norm}"))


def _ball(norm: str, epsilon: float) -> str:
    size = radius(epsilon) if norm == "inf" else f"{epsilon:g}"
    return rf"{_norm(norm)} ball of radius $\varepsilon={size}$"


def versions(report: Report, references: References) -> str:
    """The software and the machine."""
    machine = report.environment
    commit = f" (commit {tex(one_line(machine.commit))})" if machine.commit else ""
    software = [
        f"jhrun {tex(one_line(machine.jhrun))}{commit}",
        f"PyTorch {tex(one_line(machine.torch))}{references.cite('PyTorch', PYTORCH)}",
    ]
    if report.attacks:
        library = references.cite("torchattacks", TORCHATTACKS)
        software.append(f"torchattacks {tex(one_line(machine.torchattacks))}{library}")
    return f"The software was {listed(software)}, on {tex(one_line(machine.device))}."


def seeds(numbers: Sequence[int]) -> str:
    """Of what everything random was drawn."""
    if len(numbers) < 2:
        return f"Everything random in training was drawn from seed {listed([str(n) for n in numbers])}."
    return f"Training was repeated with {counted(len(numbers), 'seed')}: {listed([str(n) for n in numbers])}."
