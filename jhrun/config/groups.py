"""What can be chosen, read off the folder of YAML files: no torch, no Hydra, so that help is quick."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

CONF = Path(__file__).parent.parent / "conf"
"""The primary file of each command, and a folder for each group."""


def groups(command: str) -> list[str]:
    """The groups that a command composes, in the order of its defaults list."""
    text = (CONF / f"{command}.yaml").read_text(encoding="utf-8")
    return re.findall(r"^  - (\w+):", text, flags=re.MULTILINE)


def choices(group: str) -> dict[str, str]:
    """The choices of a group and what each says of itself.

    Args:
        group: a folder's name.

    Returns:
        Name → the first comment of its file that is not Hydra's package header.
    """
    folder = CONF / group
    found = {}
    for path in sorted(folder.rglob("*.yaml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        notes = [line[2:] for line in lines if line.startswith("# ") and not line.startswith("# @package")]
        found[path.relative_to(folder).with_suffix("").as_posix()] = notes[0] if notes else ""
    return found


def having(key: str) -> list[str]:
    """The choices of a group that have a key, as ``solver.iterations``; none where it is no group's.

    Args:
        key: dotted, the group first.

    Returns:
        Their names.

    Example:
        >>> having("solver.iterations")
        ['golub_kahan', 'gradient_ascent', 'lanczos', 'power']
        >>> having("solver.truth"), having("seed"), having("nowhere.key")
        (['auto'], [], [])
    """
    group, _, name = key.partition(".")
    files = sorted((CONF / group).glob("*.yaml")) if name else []
    # indented where the file has keys outside of its group too
    line = re.compile(rf"^(  )?{re.escape(name)}:", flags=re.MULTILINE)
    return [path.stem for path in files if line.search(path.read_text(encoding="utf-8"))]


def nearest(word: str, words: Iterable[str]) -> str:
    """A remedy that names the words most like a mistyped one.

    Args:
        word: what was typed.
        words: what could have been meant.

    Returns:
        ``did you mean 'x'?`` or, where nothing is near, the list of what there is.

    Example:
        >>> nearest("lanzos", ["lanczos", "power"])
        "did you mean 'lanczos'?"
        >>> nearest("xyz", ["lanczos", "power"])
        'choose one of lanczos, power'
    """
    words = list(words)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if not close:
        # regularizer.wieght is near regularizer.weight, but so is weight alone
        tails = {w.rsplit(".", 1)[-1]: w for w in words}
        close = [tails[t] for t in difflib.get_close_matches(word.rsplit(".", 1)[-1], tails, n=1, cutoff=0.6)]
    if close:
        return f"did you mean '{close[0]}'?"
    return f"choose one of {', '.join(words)}" if len(words) <= 30 else "see --help for what there is"
