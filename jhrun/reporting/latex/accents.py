"""Letters beyond ASCII as TeX's commands."""

import unicodedata

ACCENTS = {
    "\u0300": r"\`", "\u0301": r"\'", "\u0302": r"\^", "\u0303": r"\~", "\u0308": r"\"", "\u0304": r"\=",
    "\u0307": r"\.", "\u0327": r"\c ", "\u030c": r"\v ", "\u0306": r"\u ", "\u030b": r"\H ", "\u0328": r"\k ",
    "\u030a": r"\r ",
}  # fmt: skip
LETTERS = {
    "ß": r"{\ss}", "ø": r"{\o}", "Ø": r"{\O}", "ł": r"{\l}", "Ł": r"{\L}", "æ": r"{\ae}", "Æ": r"{\AE}",
    "œ": r"{\oe}", "Œ": r"{\OE}", "ı": r"{\i}", "–": "--", "—": "---", "‐": "-", "’": "'", "‘": "`", "“": "``",
    "”": "''", "…": "...", "\u00a0": " ",
}  # fmt: skip


def as_ascii(value: str) -> str:
    r"""Letters with accents as TeX's commands, which every style and every sorting of BibTeX takes.

    Args:
        value: of any letters.

    Returns:
        ASCII.

    Raises:
        ValueError: a letter is none of those that are known here.

    Example:
        >>> print(as_ascii("Åström – Łoś"))
        {\r A}str{\"o}m -- {\L}o{\'s}
    """
    found = []
    for letter in unicodedata.normalize("NFC", value):
        apart = unicodedata.normalize("NFD", letter)
        base, marks = apart[0], apart[1:]
        if letter.isascii() and letter.isprintable():
            found.append(letter)
        elif letter in LETTERS:
            found.append(LETTERS[letter])
        elif marks in ACCENTS and base.isascii():
            found.append(f"{{{ACCENTS[marks]}{base}}}")
        else:
            raise ValueError(f"the letter {letter!r}")
    return "".join(found)
