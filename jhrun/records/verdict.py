"""Whether an evaluation's figures can be believed."""

from dataclasses import asdict, dataclass
from typing import Any

PASS, SUSPECT, FAIL, NOT_CHECKED = "pass", "suspect", "fail", "not checked"


@dataclass(frozen=True)
class Check:
    """One reason to believe an evaluation or not to.

    Attributes:
        name: of the check, a few words.
        outcome: ``pass``, ``suspect``, ``fail`` or ``not checked``.
        value: what was measured; None where there is no number.
        threshold: how far the value may go; None likewise.
        text: what was measured, what it means, and where it was not checked, how to have it checked; a sentence.
        source: of the threshold.
    """

    name: str
    outcome: str
    value: float | None
    threshold: float | None
    text: str
    source: str


@dataclass(frozen=True)
class Verdict:
    """``eval/NAME/verdict.json``: all checks of an evaluation.

    Attributes:
        checks: in the order in which they are shown.
    """

    checks: tuple[Check, ...]

    @property
    def outcome(self) -> str:
        """``fail`` if any check failed, else ``suspect`` if any is suspect, else ``pass``."""
        found = {check.outcome for check in self.checks}
        return next((outcome for outcome in (FAIL, SUSPECT) if outcome in found), PASS)

    def flat(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return {"verdict": self.outcome, **asdict(self)}
