"""What things are called in a paper, with their sources."""

from dataclasses import dataclass

from jhrun.records import TermRecord
from jhrun.records.evidence import Cited
from jhrun.reporting.document import Node, Report
from jhrun.reporting.latex.references import References
from jhrun.reporting.text import one_line, tex


@dataclass(frozen=True)
class Names:
    """The names that a run's records have for its classes and functions.

    Attributes:
        report: of the run.
        references: get what is cited.
    """

    report: Report
    references: References

    def named(self, node: Node) -> str:
        """A choice by its own words, with its sources."""
        return self.title(node) + self.sources(str(node.get("_target_")))

    def title(self, node: Node) -> str:
        """A choice by its own words alone."""
        return tex(one_line(self._cited(str(node.get("_target_"))).title))

    def titled(self, term: TermRecord) -> str:
        """A term of the loss by its own words, with its sources."""
        return tex(one_line(term.title)) + self.sources(term.kind)

    def sources(self, path: str) -> str:
        """The citation of a class or function; empty where it has no sources.

        Args:
            path: dotted.

        Returns:
            LaTeX.
        """
        found = self._cited(path)
        return self.references.cite(found.title, found.bibtex)

    def _cited(self, path: str) -> Cited:
        # in runs of old nothing is called anything
        return self.report.background.cited.get(path) or Cited(path.rsplit(".", 1)[-1].replace("_", " "))
