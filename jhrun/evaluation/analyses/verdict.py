"""Whether the figures can be believed."""

from dataclasses import replace

from jhrun.evaluation.analyses.analysis import Analysis, Result
from jhrun.evaluation.estimate import seconds_of
from jhrun.evaluation.subject import Subject
from jhrun.evaluation.verdict import judge
from jhrun.evaluation.verdict.probes import searches


class VerdictAnalysis(Analysis):
    """The checks of ``jhrun.evaluation.verdict``; a report shows them at its top.

    Args:
        searches: whether to make searches beyond the evaluation's own; without them the checks that need such are
            ``not checked``.
    """

    title = "checks of the verdict"
    uses = ("curve",)

    def __init__(self, searches: bool = True) -> None:
        """Nothing is measured yet."""
        self.searches = searches

    def __call__(self, subject: Subject) -> Result:
        """All checks, and the call that makes those that were not made."""
        verdict = judge(subject, probes=self.searches)
        return Result(replace(verdict, remedy=subject.remedy()) if verdict.remediable else verdict)

    def seconds(self, subject: Subject) -> float:
        """The checks' own searches, no example of which falls early."""
        if not (self.searches and subject.epsilon > 0):
            return 0.0
        return seconds_of(subject.model, subject.part, searches(subject.epsilon, len(subject.part)))
