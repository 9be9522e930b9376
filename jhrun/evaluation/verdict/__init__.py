"""Whether an evaluation can be believed: what was measured is measured again, in other ways."""

from contextlib import ExitStack

from jhrun import seeds
from jhrun.attacks.attack import evaluation_mode, private_randomness
from jhrun.evaluation.subject import Subject
from jhrun.evaluation.verdict import attacks, network, probes, recorded
from jhrun.evaluation.verdict.case import Case
from jhrun.evaluation.verdict.measure import Measure
from jhrun.records import Verdict

__all__ = ["CHECKS", "Subject", "judge"]

CHECKS: tuple[Measure, ...] = (
    attacks.suite,
    recorded.selection,
    network.clean_accuracy,
    network.deterministic,
    network.independent,
    network.logits,
    network.gradients,
    attacks.inside,
    attacks.pgd_beats_fgsm,
    attacks.gradient_free,
    recorded.falling,
    recorded.chance,
    probes.noise,
    probes.rescaled,
    probes.precision,
    probes.converged,
    probes.transfer,
)
"""All, in the order in which they are shown."""


def judge(subject: Subject, *, probes: bool = True) -> Verdict:
    """Make every check that can be made.

    Args:
        subject: the network and what is claimed of it; its modes and the global random state are left as they are.
        probes: whether to make searches beyond the evaluation's own; without them the checks that need such are
            ``not checked``.

    Returns:
        One check for each of ``CHECKS``.
    """
    case, made = Case(subject, probes), []
    with ExitStack() as stack:
        for model in filter(None, (subject.model, subject.twin)):
            stack.enter_context(evaluation_mode(model))
        stack.enter_context(private_randomness(seeds.derive(subject.seed, "verdict")))
        for number, measure in enumerate(CHECKS, start=1):
            made.append(measure(case))
            subject.progress(number / len(CHECKS))
    return Verdict(tuple(made))
