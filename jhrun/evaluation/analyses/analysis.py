"""What an analysis is: a subject goes in, a record, arrays and sections come out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from jhrun.evaluation.subject import Subject
from jhrun.records import Section


class Result(NamedTuple):
    """What an analysis gives.

    Attributes:
        record: its figures for ``report.json``: a dataclass, or lists and mappings of numbers and texts.
        sections: what the report shows.
        arrays: what is kept beside, example by example or otherwise, in ``analyses/NAME.npz``.
    """

    record: Any
    sections: tuple[Section, ...] = ()
    arrays: Mapping[str, NDArray[Any]] = {}


class Analysis(ABC):
    """One look at a network, after the attacks.

    Attributes:
        title: two or three words, for the line that says what runs.
        uses: the names of analyses whose records it reads, where these are made too.
    """

    title: str
    uses: tuple[str, ...] = ()

    @abstractmethod
    def __call__(self, subject: Subject) -> Result:
        """Analyse.

        Args:
            subject: the network and what is known of it; it stays as it is.

        Returns:
            Figures, sections and arrays.
        """

    def seconds(self, subject: Subject) -> float:  # noqa: ARG002 - for those that override it
        """How long the analysis takes, as a bound or an estimate; told before it begins.

        Args:
            subject: likewise.

        Returns:
            Seconds; 0 for an analysis that is quick, or cannot tell.
        """
        return 0.0
