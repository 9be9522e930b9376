"""``jhrun completion SHELL``: a script by which a shell completes commands, groups, choices and keys."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jhrun.config.groups import COMPOSED, CONF, choices, contents, defaults, groups, nearest
from jhrun.errors import ConfigError

ASKED = "--complete"
"""The flag by which a script asks for the words that may stand at the end of a line."""

BASH = r"""
_jhrun() {
    local line="${COMP_LINE:0:COMP_POINT}" IFS=$'\n' word before
    COMPREPLY=($(jhrun --complete "$line" 2>/dev/null))
    # readline takes what follows = or : for a word of its own
    word="${line##* }"
    before="${word%"${word##*[=:]}"}"
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
    case "${COMPREPLY[0]-}" in *=) compopt -o nospace ;; esac
}
complete -o default -F _jhrun jhrun
"""

ZSH = r"""
_jhrun() {
    local -a found
    found=("${(@f)$(jhrun --complete "${(j: :)words[1,CURRENT]}" 2>/dev/null)}")
    if [[ -n "${found[1]}" ]]; then
        compadd -S '' -a found
    else
        compset -P '*='
        _files
    fi
}
compdef _jhrun jhrun
"""

FISH = r"""
complete --command jhrun --arguments '(jhrun --complete (commandline --cut-at-cursor) 2>/dev/null)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}

HELP = """jhrun completion SHELL: a script by which bash, zsh or fish completes commands, choices and keys

  bash    eval "$(jhrun completion bash)"        in ~/.bashrc
  zsh     eval "$(jhrun completion zsh)"         in ~/.zshrc, after compinit
  fish    jhrun completion fish | source         in ~/.config/fish/config.fish

Choices of folders of your own (--config-dir) and of plugins are not completed.
"""
"""What --help says."""


def run(arguments: Sequence[str]) -> None:
    """Print a shell's script.

    Args:
        arguments: the shell's name.

    Raises:
        ConfigError: there is none, or another.
    """
    if len(arguments) != 1 or arguments[0] not in SCRIPTS:
        given = " ".join(arguments)
        what = f"there is no script for '{given}'" if given else "completion takes a shell"
        remedy = nearest(given, SCRIPTS) if given else f"one of {', '.join(SCRIPTS)}"
        raise ConfigError(what, "jhrun completion", remedy)
    print(SCRIPTS[arguments[0]].lstrip("\n"), end="")


def completed(line: str, commands: Mapping[str, Sequence[str]]) -> list[str]:
    """The words that may stand at the end of a line.

    Args:
        line: as typed so far, the program's name first.
        commands: each with the words that it takes, those of a composed one aside.

    Returns:
        Whole words in place of the last one; none where it may be a file.

    Example:
        >>> completed("jhrun train model=c", {"train": []})
        ['model=cnn']
        >>> completed("jhrun train 'attack=[fgsm,pgd2", {"train": []})
        ["'attack=[fgsm,pgd20"]
    """
    words = line.split(" ")
    before, word = [one for one in words[1:-1] if one], words[-1]
    if before[:1] == ["validate"] and before[1:]:
        before = before[1:]
    if not before:
        return _beginning(word, commands)
    command = before[0]
    if command == "validate":
        return _beginning(word, COMPOSED)
    if command not in COMPOSED:
        return _beginning(word, commands.get(command, ()))
    if word.startswith("-"):
        return _beginning(word, commands.get(command, ()))
    quote = word[: len(word) - len(word.lstrip("'\""))]
    return [quote + found for found in _override(word.removeprefix(quote), command, before[1:])]


def _override(word: str, command: str, others: Sequence[str]) -> list[str]:
    """An override's key, or a group's choice."""
    key, equals, value = word.partition("=")
    if not equals:
        return _beginning(word, [f"{one}=" for one in [*groups(command), *_keys(command, others)]])
    if key not in groups(command):
        return []
    # of a list, the last one
    listed = re.match(r"\[(?:[^,\]]*,)*", value)
    head = listed.group() if listed else value[: value.rfind(",") + 1]
    return [f"{key}={head}{one}" for one in _beginning(value[len(head) :], choices(key))]


def _keys(command: str, others: Sequence[str]) -> list[str]:
    """The keys of a command, with those of its groups' choices, as typed or by default."""
    found = _flat(contents(CONF / f"{command}.yaml"), beside=("defaults", "hydra"))
    chosen = defaults(command) | dict(one.split("=", 1) for one in others if "=" in one)
    for group in groups(command):
        choice = chosen[group].strip("[]'\"")
        path = CONF / group / f"{choice}.yaml"
        if path.is_file():
            package = re.search(r"^# @package (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            inner = _flat(contents(path) or {}, beside=("defaults",))
            where = package[1] if package else group
            found += [one if where == "_global_" else f"{where}.{one}" for one in inner]
    return sorted({one for one in found if not one.endswith("_target_")})


def _flat(values: Mapping[str, Any], beside: Sequence[str] = ()) -> list[str]:
    keys = []
    for key, value in values.items():
        if key not in beside:
            inner = (
                [f"{key}.{one}" for one in _flat(value)] if isinstance(value, Mapping) and value else [str(key)]
            )
            keys += inner
    return keys


def _beginning(word: str, words: Any) -> list[str]:
    return [one for one in words if one.startswith(word)]
