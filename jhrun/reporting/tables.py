"""The headline table, in plain text and in Markdown, and how numbers are written."""

import shlex
from collections.abc import Mapping, Sequence

from jhrun.errors import pasteable
from jhrun.records import FAIL, INCOMPLETE, NOT_CHECKED, PASS, SUSPECT, Proportion, TaskRecord, Verdict
from jhrun.records.words import ball, subset
from jhrun.reporting.document import Evaluated, Headline, Report
from jhrun.reporting.words import counted, duration

Row = tuple[str, ...]
ACCURACY: Row = ("", "accuracy", "95 % interval", "n", "ε")
SHORTEST = 12
"""Letters of a word that a narrow terminal shows at least."""
MISSING_CHECKS = "the missing checks are made by"
TASK: Row = ("", "held-out points", "n")
STRUCTURE = {"asymmetry": "‖J − Jᵀ‖_F", "off_diagonal": "Σ_{i≠j} H_ij²"}
"""What should be zero in a regression task's derivatives: key of the records, and its formula."""


def headline_table(report: Headline) -> list[Row]:
    """Its header and rows: accuracies, or the figures of a regression task; none where nothing was evaluated."""
    if report.task is not None:
        return [TASK, *_task_rows(report.task)]
    if report.clean is None:
        return []
    of_all = f"n of {report.total:,}" if subset(report.clean.n, report.total) else "n"
    return [tuple(of_all if cell == "n" else cell for cell in ACCURACY), *_accuracy_rows(report)]


def _task_rows(task: TaskRecord | None) -> list[Row]:
    if task is None:
        return []
    n = str(task.n)
    rows: list[Row] = [("mean squared error", f"{task.mse:.4g}", n)]
    rows += [("skill", f"{task.skill:.4f}", n)] if task.skill is not None else []
    known = {formula: getattr(task, key) for key, formula in STRUCTURE.items()}
    rows += [(formula, f"{value:.4g}", str(task.points)) for formula, value in known.items() if value is not None]
    return rows


def _accuracy_rows(report: Headline) -> list[Row]:
    rows: list[Row] = [("clean", *_cells(report.clean), "")]
    rows += [(name, *_cells(a.robust, a.n), ball(a.epsilon, a.norm)) for name, a in report.attacks.items()]
    if worst := worst_case(report):
        rows.append((worst, *_cells(report.worst_case), ""))
    return rows


def worst_case(report: Headline) -> str | None:
    """What the worst case is called: over one norm's attacks, named where that is not ℓ∞; None if there is one."""
    norm = report.worst_case_norm
    counted = [a for a in report.attacks.values() if a.norm == norm]
    if len(counted) + len(report.joined) < 3:
        return None
    return "worst case" if norm == "inf" else f"worst case, ℓ{norm}"


def worst_words(report: Headline) -> str:
    """The worst case in a line, with its radii; for a network that was not attacked its clean accuracy."""
    norm, share = report.worst_case_norm, report.worst_case or report.clean
    if share is None:
        return "–"
    balls = dict.fromkeys(ball(a.epsilon, a.norm) for a in report.attacks.values() if a.norm == norm)
    at = f", ε = {' and '.join(balls)}" if balls else ""
    what = "worst case" if balls else "clean"
    return f"{what} {percent(share.accuracy)}, n = {share.n:,}{at}"


def headline(report: Headline) -> str:
    """The headline table for a terminal."""
    table = headline_table(report)
    return plain(table) if table else "not evaluated: jhrun eval run=RUN does it"


def deciding(verdict: Verdict) -> list[str]:
    """The names of the checks that decide a verdict: failed, suspect, or needed and not made; none for a pass."""
    outcome = verdict.outcome
    if outcome == INCOMPLETE:
        return [c.name for c in verdict.checks if c.outcome == NOT_CHECKED and c.required]
    return [c.name for c in verdict.checks if c.outcome == outcome in {SUSPECT, FAIL}]


def verdict_lines(report: Report) -> list[str]:
    """The verdict for a terminal, and how its missing checks are made; none where there is none."""
    verdict = report.verdict
    if verdict is None:
        return []
    # the missing checks are many, and the report names them
    words = made(verdict) if verdict.outcome in {PASS, INCOMPLETE} else ", ".join(deciding(verdict))
    lines = [f"verdict: {verdict.outcome} ({words}): see report.html"]
    command = remedy(report)
    return [*lines, f"{MISSING_CHECKS}: {' '.join(command)}"] if command else lines


def made(verdict: Verdict) -> str:
    """How many checks passed, and how many were not made.

    Args:
        verdict: of an evaluation.

    Returns:
        A few words.
    """
    outcomes = [check.outcome for check in verdict.checks]
    text = f"{outcomes.count(PASS)} of {counted(len(outcomes), 'check')} passed"
    missing = outcomes.count(NOT_CHECKED)
    return f"{text}, {missing} not made" if missing else text


def remedy(report: Report) -> tuple[str, str] | None:
    """The command that makes the checks that the verdict lacks.

    Args:
        report: of the run.

    Returns:
        The command, to be pasted, and its time in brackets; None where no command makes them.
    """
    found = report.verdict.remedy if report.verdict else None
    if found is None:
        return None
    command = shlex.join(["jhrun", "eval", f"run={report.run}", *found.overrides])
    return pasteable(command), f"({duration(found.seconds)} at most)"


def history(evaluations: Mapping[str, Evaluated]) -> list[Row]:
    """Every evaluation, one row for each attack or figure; of an attack also what its last iterate leaves."""
    rows: list[Row] = [("name", "checkpoint", "attack or figure", "ε", "clean", "result", "last iterate", "n")]
    for evaluation in evaluations.values():
        first = (evaluation.name, evaluation.checkpoint)
        figures = _task_rows(evaluation.task)
        rows += [(*first, label, "", "", value, "", n) for label, value, n in figures]
        total = evaluation.total
        for name, attack in evaluation.attacks.items():
            whole = evaluation.clean is None or not subset(evaluation.clean.n, total)
            n = f"{attack.n:,}" if whole else f"{attack.n:,} of {total:,}"
            shares = (evaluation.clean, attack.robust, attack.last)
            cells = (percent(None if share is None else share.accuracy) for share in shares)
            rows.append((*first, name, ball(attack.epsilon, attack.norm), *cells, n))
    return rows


def plain(table: Sequence[Row], words: Sequence[int] = (0,), width: int | None = None) -> str:
    """A table in letters; columns of words begin on the left, those of numbers end on the right.

    Args:
        table: header first.
        words: the columns of words.
        width: letters that have room; the longest words are cut until the lines fit, and none below ``SHORTEST``
            letters; None for as many as it takes.

    Returns:
        A line for each row, and one below the header.
    """
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    over = 0 if width is None else sum(widths) + 2 * (len(widths) - 1) - width
    while over > 0 and (longest := max((widths[i] for i in words), default=0)) > SHORTEST:
        widths[next(i for i in words if widths[i] == longest)] -= 1
        over -= 1
    table = [tuple(map(_cut, row, widths)) for row in table]
    lines = [
        "  ".join(
            cell.ljust(width) if i in words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
    lines.insert(1, "─" * len(lines[0]))
    return "\n".join(line.rstrip() for line in lines)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def markdown(table: list[Row]) -> str:
    """The same in Markdown."""
    header, *rows = table
    lines = [header, tuple(":--" if i == 0 or not cell else "--:" for i, cell in enumerate(header)), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def percent(share: float | None) -> str:
    """A share in percent with one digit; a dash for one that is not known."""
    return "–" if share is None else f"{100 * share:.1f} %"


def interval(ci95: Sequence[float]) -> str:
    """A 95 % interval in percent."""
    return f"{100 * ci95[0]:.1f} – {100 * ci95[1]:.1f}"


def _cells(share: Proportion | None, n: int = 0) -> tuple[str, str, str]:
    if share is None:
        return percent(None), "", str(n)
    return percent(share.accuracy), interval(share.ci95), str(share.n)
