"""A report's first screen: one sentence, a rung of the ladder, and the commands that go on from here."""

import shlex
from dataclasses import dataclass

from jhrun.errors import pasteable
from jhrun.evaluation import load
from jhrun.evaluation.analyses import NAMES
from jhrun.folder import RunFolder
from jhrun.records import PASS
from jhrun.records.words import ball
from jhrun.reporting.document import Report
from jhrun.reporting.ladder import Rung, ladder_picture
from jhrun.reporting.picture import Picture
from jhrun.reporting.tables import percent, remedy
from jhrun.reporting.text import command
from jhrun.reporting.words import counted

PGD = "pgd20"
"""The attack whose share stands beside the worst case."""


@dataclass(frozen=True)
class Command:
    """Something to be typed.

    Attributes:
        label: what it does.
        text: the command.
        note: how long it takes, in words; empty where that is not known.
    """

    label: str
    text: str
    note: str = ""


def sentence(report: Report) -> str:
    """The most important figure, in words.

    Args:
        report: of a run.

    Returns:
        One sentence.
    """
    if report.task is not None:
        skill = "" if report.task.skill is None else f", a skill of {report.task.skill:.3f}"
        return f"On {report.task.n:,} held-out points the mean squared error is {report.task.mse:.4g}{skill}."
    if report.clean is None:
        return "This run was not evaluated yet."
    clean = f"{percent(report.clean.accuracy)} of {_images(report)} are classified right"
    if report.worst_case is None or not report.attacks:
        return f"{clean}; no attack was made."
    balls = dict.fromkeys(
        ball(a.epsilon, a.norm) for a in report.attacks.values() if a.norm == report.worst_case_norm
    )
    within = " and ".join(f"ε\u00a0=\u00a0{one}" for one in balls)
    attacks = "the one attack tried" if len(report.attacks) == 1 else "every attack tried"
    return f"{percent(report.worst_case.accuracy)} of {_images(report)} survive {attacks} within {within}."


def _images(report: Report) -> str:
    n = report.clean.n if report.clean else 0
    return counted(n, "test example") if n == report.total else f"{n:,} of {report.total:,} test examples"


def rung_of(folder: RunFolder, report: Report, label: str) -> Rung | None:
    """Where a run stands on the ladder.

    Args:
        folder: of the run.
        report: of it.
        label: its name there.

    Returns:
        Its rung; None where it has no accuracy.
    """
    if report.clean is None:
        return None
    attacked = report.worst_case if report.attacks else None
    return Rung(
        label,
        report.clean.accuracy,
        attacked.accuracy if attacked else None,
        pgd=_pgd(folder, report),
        outcome=report.verdict.outcome if report.verdict else None,
        cost=next((e.cost for e in reversed(report.epochs) if e.cost is not None), None),
        interval=attacked.ci95 if attacked else None,
    )


def _pgd(folder: RunFolder, report: Report) -> float | None:
    """What PGD-20 leaves; in a cascade, what it and the weaker attacks before it leave."""
    attack = report.attacks.get(PGD)
    if attack is None or attack.norm != report.worst_case_norm:
        return None
    if attack.robust is not None:
        return attack.robust.accuracy
    lead = report.evaluations[str(report.evaluation)]
    if PGD not in lead.attacks:
        return None
    each, _ = load(folder.evaluation(lead.name))
    return float(each[f"{PGD}.robust"].mean())


def ladder_of(folder: RunFolder, report: Report, label: str) -> Picture | None:
    """The ladder of one run.

    Args:
        folder: of the run.
        report: of it.
        label: its name.

    Returns:
        The picture; None where there is no accuracy.
    """
    rung = rung_of(folder, report, label)
    if rung is None:
        return None
    parts = [f"clean {percent(rung.clean)}"]
    parts += [f"under PGD-20 {percent(rung.pgd)}"] if rung.pgd is not None else []
    parts += [f"worst case {percent(rung.worst)}"] if rung.worst is not None else []
    words = ", ".join(parts)
    text = f"{words[0].upper()}{words[1:]}. The distance from PGD-20 to the worst case is its inflation."
    return ladder_picture("Ladder", text, [rung])


def commands(report: Report) -> list[Command]:
    """What reproduces the run, and what makes its evaluation stronger.

    Args:
        report: of the run.

    Returns:
        Commands to be pasted.
    """
    typed = command(report.environment.command)
    found = [Command("Reproduce the run", pasteable(typed))] if typed else []
    missing = remedy(report)
    if report.evaluation is None:
        found.append(Command("Evaluate it", _eval(report)))
    elif missing is not None:
        found.append(Command("Make the checks that are missing", *missing))
    elif report.clean is not None and report.verdict is not None and report.verdict.outcome == PASS:
        found.append(Command("Attack it with full budgets", _eval(report, "attack=autoattack")))
    if report.evaluation is not None and report.clean is not None:
        name = f"name={report.evaluation}"
        left = [name for name in NAMES if name not in report.analyses]
        if left:
            found.append(Command("Analyse more of it", _eval(report, name, f"analysis=[{','.join(left)}]")))
    return found


def _eval(report: Report, *overrides: str) -> str:
    return pasteable(shlex.join(["jhrun", "eval", f"run={report.run}", *overrides]))
