r"""BibTeX entries of anybody, taken apart and written anew: what TeX would execute does not get through.

A text may hold letters, accents, mathematics and a few harmless commands. An entry with anything else is refused:
``\input``, ``\write`` and ``\catcode`` read and write files or change TeX's rules.
"""

import re
from dataclasses import dataclass

from jhrun.reporting.latex.accents import as_ascii

LONGEST = 4000
"""Letters of an entry."""

KINDS = {
    *("article", "book", "booklet", "conference", "inbook", "incollection", "inproceedings", "manual"),
    *("mastersthesis", "misc", "phdthesis", "proceedings", "techreport", "unpublished"),
}

FIELDS = {
    *("author", "title", "year", "journal", "booktitle", "volume", "number", "pages", "publisher", "school"),
    *("institution", "editor", "series", "edition", "note", "howpublished", "month", "organization", "address"),
    *("chapter", "eprint", "archiveprefix", "primaryclass", "doi", "isbn", "issn", "url"),
}
"""That are kept; others, such as abstracts and files, are left out."""

PLAIN = {"url", "doi", "eprint"}
"""Of these, addresses: printed as they are by the styles that print them at all."""

_HEAD = re.compile(r"@(\w+)\s*\{\s*([A-Za-z0-9][A-Za-z0-9:./+_-]*)\s*,")
_FIELD = re.compile(r"\s*([A-Za-z]+)\s*=\s*")
_MONTHS = re.compile(r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|\d+)\b", re.IGNORECASE)
_ADDRESS = re.compile(r"[A-Za-z0-9:/._~?=&;,()+-]*")
_HARMLESS = {
    *("aa", "AA", "ae", "AE", "oe", "OE", "o", "O", "l", "L", "ss", "i", "j"),
    *("c", "v", "u", "H", "k", "r", "b", "d"),
    *("emph", "textit", "textbf", "textsc", "textrm", "mathrm", "mathcal", "mathbb", "mathbf", "ell", "infty"),
    *("alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "lambda", "mu", "sigma", "times", "dots", "log"),
}  # fmt: skip


class NotWellFormedError(ValueError):
    """An entry cannot be taken over; the message says why."""


@dataclass(frozen=True)
class Entry:
    """A BibTeX entry.

    Attributes:
        kind: as in ``article``.
        key: by which it is cited.
        fields: name and value of each, without the braces around it.
    """

    kind: str
    key: str
    fields: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """The entry for a file."""
        lines = [f"  {name} = {{{value}}}," for name, value in self.fields]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])


def parsed(text: str) -> Entry:
    r"""Take one entry apart.

    Args:
        text: as a publisher gives it.

    Returns:
        The entry.

    Raises:
        NotWellFormedError: it is none, is too long, lacks author, title or year, or holds what TeX could execute.

    Example:
        >>> print(parsed('@book{x1, author = "A. Müller", title = {On {Q}}, year = 1999, abstract = {No}}'))
        @book{x1,
          author = {A. M{\"u}ller},
          title = {On {Q}},
          year = {1999},
        }
    """
    if len(text) > LONGEST:
        raise NotWellFormedError("too long")
    text = " ".join(text.split())
    head = _HEAD.match(text)
    if head is None or head[1].lower() not in KINDS:
        raise NotWellFormedError("no type and key of an entry")
    fields, place = {}, head.end()
    while (field := _FIELD.match(text, place)) is not None:
        value, place = _value(text, field.end())
        name = field[1].lower()
        if name in FIELDS:
            fields[name] = _address(value) if name in PLAIN else _harmless(value)
        if text[place : place + 1] != ",":
            break
        place += 1
    if text[place:].strip() != "}":
        raise NotWellFormedError("its fields or braces do not match")
    missing = [name for name in ("title", "year") if not fields.get(name)]
    if missing or not (fields.get("author") or fields.get("editor")):
        raise NotWellFormedError(f"no {(missing or ['author'])[0]}")
    return Entry(head[1].lower(), head[2], tuple(fields.items()))


def _value(text: str, place: int) -> tuple[str, int]:
    """The value that begins at a place, without what surrounds it, and the place of the next comma or brace."""
    opening = text[place : place + 1]
    if opening not in {"{", '"'}:
        bare = _MONTHS.match(text, place)
        if bare is None:
            raise NotWellFormedError("a value without braces")
        return bare[0], _spaces(text, bare.end())
    depth, closing = 0, "}" if opening == "{" else '"'
    # BibTeX counts a brace after a backslash like any other
    for end in range(place + 1, len(text)):
        letter = text[end]
        if depth == 0 and letter == closing:
            return text[place + 1 : end], _spaces(text, end + 1)
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth < 0:
            break
    raise NotWellFormedError("its braces do not match")


def _spaces(text: str, place: int) -> int:
    while text[place : place + 1] == " ":
        place += 1
    return place


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise NotWellFormedError("an address with odd letters")
    return value


def _harmless(value: str) -> str:
    """A value, checked: TeX executes nothing in it but accents, mathematics and a few harmless commands."""
    if "^^" in value:
        raise NotWellFormedError("letters in TeX's own code")
    found, mathematics = [], False
    plain = re.sub(r"\\url *\{([^{}]*)\}", r"\1", value)
    for piece in re.findall(r"\\[A-Za-z]+|\\.|[^\\]|\\$", _letters(plain)):
        if piece == "$":
            mathematics = not mathematics
        elif piece[0] == "\\" and (piece[1:] in {"", "(", ")", "[", "]", "\\"} or _executes(piece[1:])):
            raise NotWellFormedError(f"the command {piece}")
        elif piece == "^" and not mathematics:
            raise NotWellFormedError("a power outside of mathematics")
        found.append(f"\\{piece}" if piece in {"%", "#", "&"} or (piece == "_" and not mathematics) else piece)
    if mathematics:
        raise NotWellFormedError("mathematics that does not end")
    return "".join(found)


def _executes(command: str) -> bool:
    return command.isalpha() and command not in _HARMLESS


def _letters(value: str) -> str:
    try:
        return as_ascii(value)
    except ValueError as error:
        raise NotWellFormedError(str(error)) from error
