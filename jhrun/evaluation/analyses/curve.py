"""Robust accuracy against ε."""

from collections.abc import Callable, Iterable

import torch
from torch import nn

from jhrun import seeds
from jhrun.attacks import PGD
from jhrun.data import Part
from jhrun.evaluation.analyses.analysis import Analysis, Result
from jhrun.evaluation.estimate import seconds_of
from jhrun.evaluation.evaluate import evaluate
from jhrun.evaluation.subject import Subject
from jhrun.records import CurvePoint, CurveRecord, Figure, Mark, Panel, Proportion, Section, Series
from jhrun.records.section import columns_of
from jhrun.records.words import ball, sample

EPSILONS = (*(level / 255 for level in (0, 1, 2, 4, 8, 16, 32, 64, 128)), 1.0)
"""In pixel units: where accuracy falls, and 1, where every image can become every other one."""

CURVE_EXAMPLES = 500
"""At most, of the part: each ε is a search of its own."""

STEPS, RELATIVE_STEP = 20, 0.1


class CurveAnalysis(Analysis):
    """PGD-20 in one ℓ∞ ball after the other; nothing where the claim's ε is 0."""

    title = "robust accuracy against ε"

    def __call__(self, subject: Subject) -> Result:
        """The curve, with the worst case of all attacks beside it."""
        record = robust_curve(
            subject.model,
            subject.part,
            radii(subject.epsilon),
            total=subject.whole,
            seed=subject.seed,
            progress=subject.progress,
        )
        return Result(record, (_section(record, subject),))

    def seconds(self, subject: Subject) -> float:
        """No example falls early."""
        n = min(len(subject.part), CURVE_EXAMPLES)
        work = [(PGD(epsilon, STEPS, RELATIVE_STEP), n) for epsilon in radii(subject.epsilon)]
        return seconds_of(subject.model, subject.part, work)


def radii(epsilon: float) -> list[float]:
    """The curve's radii, that of the claim among them."""
    return sorted({0.0, *EPSILONS, epsilon})


def robust_curve(
    model: nn.Module,
    part: Part,
    epsilons: Iterable[float],
    *,
    total: int,
    seed: int,
    progress: Callable[[float], None] = lambda _: None,
) -> CurveRecord:
    """Attack the same examples by PGD in one ℓ∞ ball after the other.

    Args:
        model: images → logits; every submodule is in eval mode meanwhile, and in its own afterwards.
        part: at least one example; of more than ``CURVE_EXAMPLES`` a fixed random draw is attacked.
        epsilons: radii in pixel units, in any order; 0 is added if it is not among them.
        total: how many examples there are, of which the part is perhaps a subset.
        seed: of the draw and of the attacks' random starts.
        progress: told the share that is done.

    Returns:
        For each radius, rising, the share of examples that are right clean, at the last and at the worst iterate
        of 20 steps of ε/10.

    Raises:
        ValueError: a radius is negative or not finite.
    """
    if len(part) > CURVE_EXAMPLES:
        drawn = torch.randperm(len(part), generator=seeds.generator("cpu", seed, "curve"))[:CURVE_EXAMPLES]
        part = part[drawn.sort().values.to(part.targets.device)]
    radii = sorted({0.0, *(float(epsilon) for epsilon in epsilons)})
    attacks = {f"ε = {radius}": PGD(radius, STEPS, RELATIVE_STEP) for radius in radii}
    places = {name: place for place, name in enumerate(attacks)}
    found = evaluate(
        model,
        part,
        attacks,
        seed=seed,
        progress=lambda name, done, among: progress((places[name] + done / among) / len(attacks)),
    )
    shares = [Proportion.of(int(found.robust(name).sum()), len(part)) for name in attacks]
    parameters = {"steps": STEPS, "relative_step": RELATIVE_STEP, "restarts": 1}
    points = tuple(CurvePoint(*pair) for pair in zip(radii, shares, strict=True))
    return CurveRecord(f"PGD-{STEPS}", "inf", parameters, total, points)


def _section(record: CurveRecord, subject: Subject) -> Section:
    n = record.points[0].robust.n
    text = (
        f"Share of examples that are right clean and under {record.attack} in an ℓ∞ ball of radius ε, on "
        f"{sample(n, record.total)}, with 95 % Wilson intervals. Each ε has a search of its own. At large ε an "
        "honest curve reaches guessing or less."
    )
    rows = [_row(record.attack, point.epsilon, point.robust) for point in record.points]
    marks = [Mark("y", 1 / len(subject.classes), f"guessing, 1 of {len(subject.classes)}")]
    evaluation = subject.evaluation
    if {evaluation.records[name].epsilon for name in evaluation.of_norm("inf")} == {subject.epsilon}:
        marks.append(Mark("x", 255 * subject.epsilon, f"the attacks' ε, {ball(subject.epsilon, 'inf')}"))
        rows.append(_row("worst case", subject.epsilon, evaluation.worst_case))
        text += (
            " The single point is the worst case over all ℓ∞ attacks, on "
            f"{sample(len(subject.part), subject.whole)}: it may lie below the curve, which is one attack's."
        )
    panel = Panel(
        "lines",
        "grey_levels",
        (Series("accuracy", low="ci95_low", high="ci95_high"),),
        by="attack",
        x_label="ε in grey levels of 255 (root scale)",
        y_label="right answers",
        x_scale="root",
        share=True,
        marks=tuple(marks),
    )
    figure = Figure("curve", "Accuracy against ε", text, columns_of(rows), (panel,))
    return Section("Accuracy against ε", figures=(figure,))


def _row(attack: str, epsilon: float, share: Proportion) -> dict[str, str | float]:
    low, high = share.ci95
    return {
        "attack": attack,
        "epsilon": epsilon,
        "grey_levels": 255 * epsilon,
        "accuracy": share.accuracy,
        "ci95_low": low,
        "ci95_high": high,
        "n": share.n,
    }
