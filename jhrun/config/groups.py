"""What can be chosen, read off the folder of YAML files: no torch, no Hydra, so that help is quick."""

import difflib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_PROJECT = re.compile(r'^name = "jhrun"$', flags=re.MULTILINE)


def conf(package: Path) -> Path:
    """The folder of YAML files that belongs to a copy of the package.

    Args:
        package: the folder ``jhrun``.

    Returns:
        ``conf`` beside it in a checkout, which jhrun's own ``pyproject.toml`` marks; else the one within, as the
        wheel has it. A folder ``conf`` beside an installed package is somebody else's.
    """
    beside, project = package.parent / "conf", package.parent / "pyproject.toml"
    ours = project.is_file() and _PROJECT.search(project.read_text(encoding="utf-8", errors="replace"))
    return beside if ours and (beside / "train.yaml").is_file() else package / "conf"


CONF = conf(Path(__file__).parents[1])
"""The primary file of each command, and a folder for each group."""

COMPOSED = tuple(path.stem for path in sorted(CONF.glob("*.yaml")))
"""The commands that have a configuration."""

METHODS = ("regularizer", "solver", "objective", "optimizer", "averaging", "attack")
"""Groups whose choices are methods: their classes carry evidence."""

_NEAR = 0.65
"""Ratcliff and Obershelp's ratio of common letters from which on one word is taken for another, mistyped."""


def contents(path: Path) -> dict[str, Any]:
    """One of our YAML files as plain values, by the fastest reader that there is."""
    found: dict[str, Any] = yaml.load(
        path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    return found


def groups(command: str) -> list[str]:
    """The groups that a command composes, in the order of its defaults list."""
    return list(defaults(command))


@cache
def defaults(command: str) -> dict[str, str]:
    """The groups that a command composes, each with its default as written: a choice, ``[a, b]`` or ``null``."""
    text = (CONF / f"{command}.yaml").read_text(encoding="utf-8")
    return dict(re.findall(r"^  - (\w+): (.+)$", text, flags=re.MULTILINE))


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


def brought(command: str) -> dict[str, dict[str, Any]]:
    """What the choices of a command's groups bring.

    Args:
        command: that composes them.

    Returns:
        By group and choice the values that the choice's file has for the group's own section, references
        unresolved; without choices that have no class there.
    """
    found: dict[str, dict[str, Any]] = {}
    for group in groups(command):
        files = {choice: contents(CONF / group / f"{choice}.yaml") or {} for choice in choices(group)}
        own = {choice: values.get(group, values) for choice, values in files.items()}
        found[group] = {choice: values for choice, values in own.items() if "_target_" in values}
    return found


def choose(group: str) -> str:
    """A remedy that lists the choices of a group, and how to choose none where that can be.

    Args:
        group: of some command.

    Returns:
        The remedy.

    Example:
        >>> choose("optimizer"), choose("search")
        ('choose one of adam, adamw, sgd', 'choose one of optuna; search=null is for none')
    """
    default = next((defaults(command)[group] for command in COMPOSED if group in defaults(command)), "")
    none = "[]" if default.startswith("[") else "null" if default == "null" else "none"
    can_be_none = none != "none" or "none" in choices(group)
    return f"choose one of {', '.join(choices(group))}" + (f"; {group}={none} is for none" if can_be_none else "")


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

    The last part of a dotted key counts first: ``lr`` is meant for ``optimizer.lr``.

    Args:
        word: what was typed.
        words: what could have been meant, the likelier ones first.

    Returns:
        ``did you mean 'x'?`` or, where nothing is near, the list of what there is.

    Example:
        >>> nearest("lanzos", ["lanczos", "power"])
        "did you mean 'lanczos'?"
        >>> nearest("epochs", ["solver", "train.epochs", "watch.epochs"])
        "did you mean 'train.epochs' or 'watch.epochs'?"
        >>> nearest("xyz", ["lanczos", "power"])
        'choose one of lanczos, power'
    """
    words = list(words)
    close = _nearest(word, words)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    few = len(words) <= 30 and not any("." in candidate for candidate in words)
    return f"choose one of {', '.join(words)}" if few else "see --help for what there is"


def _nearest(word: str, words: list[str]) -> list[str]:
    """The words with the same last part as a word; else with a like one; else those that are like the whole."""
    tails: dict[str, list[str]] = {}
    for candidate in words:
        tails.setdefault(_last(candidate), []).append(candidate)
    last = _last(word)
    near = [last] if last in tails else difflib.get_close_matches(last, tails, n=1, cutoff=_NEAR)
    near = near or [tail for tail in tails if len(last) >= 3 and tail.startswith(last)][:1]
    found = tails[near[0]] if near else difflib.get_close_matches(word, words, n=1, cutoff=_NEAR)
    if last != word and len(found) > 1:
        # the section was typed too
        found = difflib.get_close_matches(word, found, n=1, cutoff=0)
    # an abbreviation, as eps, may be another key's name
    longer = [candidate for candidate in words if len(word) >= 3 and candidate.startswith(word)]
    return list(dict.fromkeys([*found[:3], *longer[:1]]))


def _last(key: str) -> str:
    return re.split(r"[./]", key)[-1]
