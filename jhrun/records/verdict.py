"""Whether an evaluation's figures can be believed."""

from dataclasses import dataclass

PASS, INCOMPLETE, SUSPECT, FAIL = "pass", "incomplete", "suspect", "fail"
"""The grades of a verdict, the best first."""

NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Check:
    """One reason to believe an evaluation or not to.

    Attributes:
        name: of the check, a few words.
        outcome: ``pass``, ``suspect``, ``fail`` or ``not checked``.
        value: what was measured; None where there is no number.
        threshold: how far the value may go; None likewise.
        text: what was measured, what it means, and where it was not checked, why not; a sentence.
        source: of the threshold.
        required: whether a verdict of ``pass`` needs this check.
        remedied: whether the check was not made, and the verdict's remedy makes it.
    """

    name: str
    outcome: str
    value: float | None
    threshold: float | None
    text: str
    source: str
    required: bool = True
    remedied: bool = False

    def __post_init__(self) -> None:
        """Refuse another outcome.

        Raises:
            ValueError: there is no such outcome.
        """
        if self.outcome not in {PASS, SUSPECT, FAIL, NOT_CHECKED}:
            raise ValueError(f"check {self.name!r} has no outcome {self.outcome!r}")


@dataclass(frozen=True)
class Remedy:
    """The call of ``jhrun eval`` that makes the checks that a verdict lacks.

    Attributes:
        overrides: what is typed after ``jhrun eval run=RUN``.
        seconds: how long it takes at most.
    """

    overrides: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Verdict:
    """All checks of an evaluation.

    Attributes:
        checks: in the order in which they are shown.
        remedy: how the checks that were not made can be made; None where no call makes them.
        outcome: the grade, which follows from the checks: ``fail`` if any check failed, else ``suspect`` if any is
            suspect, else ``incomplete`` if a required check was not made or none passed, else ``pass``.
    """

    checks: tuple[Check, ...]
    remedy: Remedy | None = None
    outcome: str = ""

    def __post_init__(self) -> None:
        """Grade it, whatever a file says of the grade."""
        object.__setattr__(self, "outcome", _graded(self.checks))

    @property
    def remediable(self) -> bool:
        """Whether a stronger evaluation makes some of the checks that were not made."""
        return any(check.remedied for check in self.checks)


def _graded(checks: tuple[Check, ...]) -> str:
    found = {check.outcome for check in checks}
    worst = next((outcome for outcome in (FAIL, SUSPECT) if outcome in found), None)
    if worst is not None:
        return worst
    missing = any(check.required and check.outcome == NOT_CHECKED for check in checks)
    return INCOMPLETE if missing or PASS not in found else PASS
