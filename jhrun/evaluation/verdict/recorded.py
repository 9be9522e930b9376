"""Checks of what the run recorded."""

import torch

from jhrun.evaluation.verdict import thresholds as t
from jhrun.evaluation.verdict.case import Case
from jhrun.evaluation.verdict.measure import Finding, check, grade, left_out, not_checked, percent
from jhrun.records import FAIL, PASS, SUSPECT


@check("selection never on test data", f"{t.CARLINI}; the rule is common practice")
def selection(case: Case) -> Finding:
    """What chose the checkpoint."""
    chosen = case.subject.selection
    rule, part = str(chosen.get("rule", "")), chosen.get("part")
    words = f"{rule} {part or ''}".lower().replace("-", " ").replace("_", " ").split()
    if "test" in words:
        text = f"Test data chose the checkpoint ({rule or part}): its accuracy on them is no estimate any more."
        return Finding(FAIL, None, None, text)
    if not rule:
        return not_checked("The run does not say how its checkpoint was chosen.")
    if part == "validation" or (part is None and rule == "last epoch"):
        return Finding(PASS, None, None, f"The checkpoint was chosen without test data: {rule}.")
    return Finding(SUSPECT, None, None, f"What data chose the checkpoint is not clear: {rule}, {part}.")


@check("accuracy falls in ε", f"{t.ATHALYE}; the number is ours", claim=True)
def falling(case: Case) -> Finding:
    """The largest rise of accuracy over that at any smaller ε."""
    if case.subject.curve is None:
        return left_out("Accuracy against ε was not measured.")
    lowest, worst, where = 1.0, 0.0, 0.0
    for point in case.subject.curve.points:
        accuracy = point.robust.accuracy
        if accuracy - lowest > worst:
            worst, where = accuracy - lowest, point.epsilon
        lowest = min(lowest, accuracy)
    n = case.subject.curve.points[0].robust.n
    rise = f"rises by {percent(worst)} at ε = {where:.4g}" if worst else "never rises"
    text = f"Accuracy on {n} examples {rise}."
    return Finding(grade(worst, t.RISE_SUSPECT, t.RISE_FAIL), worst, t.RISE_SUSPECT, text)


@check("chance or less at ε = 1", t.ATHALYE, claim=True)
def chance(case: Case) -> Finding:
    """Accuracy where every image can become every other, against always naming the most frequent class."""
    curve = case.subject.curve
    points = {point.epsilon: point.robust for point in curve.points} if curve else {}
    if 1.0 not in points:
        return left_out("Accuracy at ε = 1 was not measured.")
    with torch.no_grad():
        classes = case.model(case.take(torch.arange(1))[0].expand(2, *[-1] * (case.part.inputs.ndim - 1))).shape[1]
    targets = case.subject.evaluation.targets
    threshold = max(1 / classes, float(targets.bincount().max()) / len(targets))
    share = points[1.0]
    # a few examples may be too many by the luck of the draw
    outcome = PASS if share.accuracy <= threshold else FAIL if share.ci95[0] > threshold else SUSPECT
    text = (
        f"With every image allowed to become any other, {percent(share.accuracy)} of {share.n} stay right; "
        f"guessing reaches {percent(threshold)}"
    )
    text += "." if outcome == PASS else ": the search does not find what must be there."
    return Finding(outcome, share.accuracy, threshold, text)
