"""How words and figures are written: runs may come from strangers, whose words are never markup."""

import re
import shlex
from functools import cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

LONGEST = 300
"""Letters of a stranger's text that are shown."""

_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "…": r"\dots{}",
    "×": r"$\times$",
    "ε": r"$\varepsilon$",
    "ℓ": r"$\ell$",
    "∞": r"$\infty$",
    "‖J − Jᵀ‖_F": r"$\|J-J^\top\|_F$",
    "Σ_{i≠j} H_ij²": r"$\sum_{i\neq j}H_{ij}^2$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
}


def one_line(value: object) -> str:
    r"""Any text as one line that every file can hold.

    Args:
        value: its text is taken.

    Returns:
        Without control characters, lone surrogates and double spaces; cut where it is long.

    Example:
        >>> one_line("a\nb \x00 c")
        'a b c'
    """
    # a lone surrogate is not printable either
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in str(value)).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def command(text: str) -> str:
    """A run's command as it can be pasted: another's words are arguments of jhrun and nothing else.

    Args:
        text: as a record has it, from anybody.

    Returns:
        Quoted anew; empty where it is no command of jhrun on one line.

    Example:
        >>> command("jhrun train seed=1; rm x"), command("rm x"), command("jhrun train 'a")
        ("jhrun train 'seed=1;' rm x", '', '')
    """
    try:
        words = shlex.split(text)
    except ValueError:
        return ""
    return shlex.join(words) if words[:1] == ["jhrun"] and text.isprintable() else ""


def code(text: str) -> str:
    """A text as Markdown's code, whatever backticks it has.

    Args:
        text: one line.

    Returns:
        In as many backticks as it takes.

    Example:
        >>> code("a `b`")
        '`` a `b` ``'
    """
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"


def markdown(text: str) -> str:
    r"""A text of which Markdown takes nothing as markup; a table escapes its bars itself.

    Args:
        text: one line.

    Returns:
        Escaped.

    Example:
        >>> print(markdown("[a](b) <i> `c`"))
        \[a\](b) \<i\> \`c\`
    """
    return re.sub(r"([\\`*<>\[\]])", r"\\\1", text)


def tex(text: str) -> str:
    r"""A text for LaTeX; a letter that pdfTeX does not know becomes a question mark.

    Args:
        text: one line.

    Returns:
        Escaped.

    Example:
        >>> print(tex("w_1 & 5 % 漢"))
        w\_1 \& 5 \% ?
    """
    pattern = "|".join(map(re.escape, sorted(_TEX, key=len, reverse=True)))
    escaped = re.sub(pattern, lambda found: _TEX[found[0]], text)
    # Latin-1's letters are set up in every LaTeX, but for four of Iceland's
    known = (letter.isascii() or ("À" <= letter <= "ÿ" and letter not in "ÐÞðþ") for letter in escaped)
    return "".join(letter if there else "?" for letter, there in zip(escaped, known, strict=True))


def drawn(text: str, longest: int = 60) -> str:
    r"""A text for a figure: no formula, no letter without a glyph, none of matplotlib's hidden labels.

    Args:
        text: one line.
        longest: so many letters have room.

    Returns:
        What matplotlib draws as it is.

    Example:
        >>> print(drawn("_$x$ and more", longest=8))
         _\$x\$ an…
    """
    text = text if len(text) <= longest else f"{text[: longest - 1]}…"
    text = "".join(letter if ord(letter) in _glyphs() else "?" for letter in text).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def cell(text: str) -> str:
    """A text for CSV that a spreadsheet does not take as a formula.

    Args:
        text: one line.

    Returns:
        With an apostrophe before what would begin one.

    Example:
        >>> cell("=1+1"), cell("w 0.1")
        ("'=1+1", 'w 0.1')
    """
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap())
