"""Methods against each other, in a program or a notebook."""

from dataclasses import dataclass
from os import PathLike

import pandas as pd

from jhrun.commands.compare import compared
from jhrun.jsonio import as_plain
from jhrun.library.notebook import Shown
from jhrun.reporting.compared import Compared, as_tex, as_text
from jhrun.terminal import room


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """What ``jhrun compare`` finds.

    Attributes:
        document: all of it, typed (docs/compare.md).
    """

    document: Compared

    @property
    def pairs(self) -> pd.DataFrame:
        """A row for each pair of methods: differences in clean accuracy and worst case, with intervals and p."""
        return pd.json_normalize([as_plain(pair) for pair in self.document.pairs])

    @property
    def methods(self) -> pd.DataFrame:
        """A row for each method: rank, clean accuracy, worst case and cost, with intervals over the seeds."""
        return pd.json_normalize([as_plain(method) for method in self.document.methods])

    @property
    def tex(self) -> str:
        """A table for LaTeX."""
        return as_tex(self.document)

    def __str__(self) -> str:
        """What the command prints."""
        return as_text(self.document, room())


def compare(*methods: str | PathLike[str]) -> Comparison:
    """Say whether one method is more robust than another, on the same seeds and test images.

    Args:
        *methods: folders of runs or of sweeps, or rows of leaderboards, ``FOLDER:RANK``; two methods at least.

    Returns:
        Differences, intervals and p values; it prints as ``jhrun compare`` does.
    """
    return Comparison(compared([str(method) for method in methods]))
