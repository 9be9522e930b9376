"""What an analysis leaves on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jhrun.records.section import Section


@dataclass(frozen=True)
class AnalysisRecord:
    """``eval/NAME/analyses/ANALYSIS.json``; the figures' columns lie in the file of the same name in ``.npz``.

    Attributes:
        name: of the analysis.
        settings: its class and arguments, as configured.
        seconds: wall time.
        date: when it ended, ISO 8601 with time zone; a page shows the first one first.
        record: its figures; any dataclass, of which a reader gets plain values.
        sections: what it shows.
    """

    name: str
    settings: Mapping[str, Any]
    seconds: float
    date: str
    record: Any
    sections: tuple[Section, ...] = ()
