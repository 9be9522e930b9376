r"""What a paper cites: entries of BibTeX, as records hold them, by the order in which they are cited."""

import re
from dataclasses import dataclass, field, replace

from jhrun.reporting.latex.entry import Entry, NotWellFormedError, parsed
from jhrun.reporting.text import one_line

MOST = 20
"""Entries of one method."""


@dataclass
class References:
    """The entries of a paper so far.

    Attributes:
        entries: by their keys in small letters, for BibTeX knows no others.
        omitted: whose entries were left out, and why.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    omitted: list[str] = field(default_factory=list)

    def cite(self, whose: str, bibtex: str) -> str:
        r"""Cite the sources of something.

        Args:
            whose: for the comment where an entry is left out.
            bibtex: its entries, from anybody.

        Returns:
            ``~\cite{key,…}``; empty where nothing is well formed.

        Example:
            >>> References().cite("x", "@misc{a1, author={A}, title={B}, year=2000}")
            '~\\cite{a1}'
        """
        keys = []
        pieces = re.split(r"(?m)^\s*(?=@)", bibtex.strip())
        for text in [piece for piece in pieces if piece.strip()][:MOST]:
            try:
                keys.append(self._add(parsed(text)))
            except NotWellFormedError as error:
                self._omit(f"an entry of {whose} is left out: {error}")
        return rf"~\cite{{{','.join(dict.fromkeys(keys))}}}" if keys else ""

    def _add(self, entry: Entry) -> str:
        """Keep an entry, under another key where its own is another entry's already."""
        wanted, number = entry.key, 1
        while (there := self.entries.get(entry.key.lower())) is not None:
            if there.fields == entry.fields:
                return there.key
            number += 1
            entry = replace(entry, key=f"{wanted}-{number}")
        self.entries[entry.key.lower()] = entry
        return entry.key

    def _omit(self, text: str) -> None:
        # outside of entries BibTeX passes over everything but this sign
        comment = one_line(text).replace("@", "(at)")
        if comment not in self.omitted:
            self.omitted.append(comment)

    def __str__(self) -> str:
        """``references.bib``."""
        entries = [f"{entry}\n" for entry in sorted(self.entries.values(), key=lambda entry: entry.key.lower())]
        return "\n".join(["% cited by methods.tex", *(f"% {text}" for text in self.omitted), "", *entries])
