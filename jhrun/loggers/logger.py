"""What a training run calls."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from jhrun.records import EpochRecord


class Logger(Protocol):
    """Is told of a run's records, and changes nothing of the run.

    Made without arguments before the run has a folder: what it needs and does not find, it says then.
    """

    def begin(self, run: Path, done: Sequence[EpochRecord]) -> None:
        """A run begins or goes on.

        Args:
            run: its folder.
            done: records of the epochs that it has behind it; whatever was told of later ones is void.
        """

    def epoch(self, record: EpochRecord) -> None:
        """An epoch is over."""

    def results(self, config: Mapping[str, Any], report: Mapping[str, Any]) -> None:
        """The run is over.

        Args:
            config: its resolved configuration, by dotted keys.
            report: what ``report.json`` holds.
        """

    def close(self) -> None:
        """The run ends, whatever the end is; also where it had not begun."""
