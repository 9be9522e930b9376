"""argv → a command. Nothing heavy is imported before it is known that it is needed."""

import sys
import traceback
from collections.abc import Sequence
from itertools import takewhile

from jhrun import __version__
from jhrun.commands import completion
from jhrun.commands import list as listing
from jhrun.config.groups import COMPOSED, CONF, choices, groups, nearest
from jhrun.errors import BUG, INTERRUPTED, ConfigError, JhrunError, pasteable
from jhrun.terminal import lasting_output

COMMANDS = {
    "train": "train a network under a penalty, attack it, write a report",
    "eval": "attack a run's network again, and judge whether the figures can be believed",
    "report": "write a run's report anew, or make a leaderboard of any runs and sweeps",
    "compare": "say whether one method is better than another, on the same seeds and images",
    "bench": "measure cost, truth and memory of every solver on this machine",
    "validate": "try a call of train, eval or bench without running it",
    "list": "show every choice, and what the methods among them rest on",
    "completion": "print a script by which bash, zsh or fish completes commands, choices and keys",
}

USAGE = f"""jhrun {__version__}: train, attack and report on classifiers with small input-Jacobians or -Hessians

usage: jhrun COMMAND [KEY=VALUE …] [FLAGS]

commands:
{{commands}}

jhrun COMMAND --help lists what a command can be told. To begin with:
  jhrun train                                 the digits, under a Jacobian penalty, in under a minute
  jhrun train regularizer=none                the same without it
  jhrun eval run=RUN attack=standard
"""

READING = {
    "bench": """how to read the table:
  cost      time of a training step with the penalty over one without, medians of rounds in turns; 1 is free
  truth     ‖vᵀA‖/σ_max, the share of the spectral norm that the direction found sees; 1 is all, with the 10 %
            quantile over the examples beside it
  peak      bytes of tensors that a step holds at most, over a plain step's
  frontier  a star where no other solver is both cheaper and truer: choose among these
  start is the vector that the matrix offers, at no search: a loss's gradient
  paper is the published algorithm as it is; tracked is asked on a network that stands still, which flatters it
""",
}
"""What else a command's --help says."""

REPORT = f"""jhrun report DIR …: {COMMANDS["report"]}

  a run's folder                its report.{{html,md,json}} anew, from its records
  a sweep's, or one of runs     leaderboard.{{html,md,csv,tex,json}} in that folder
  several of either             the same in a new folder, outputs/leaderboard/…
  evaluation=NAME               the run's page is about this evaluation alone, until evaluation=null
  paper=true                    runs of experiment=paper/… beside the published tables
"""
"""What report's --help says."""

COMPARE = f"""jhrun compare A B …: {COMMANDS["compare"]}

  a run's folder                its configuration is a method; several runs of one are its seeds
  a sweep's, or one of runs     each configuration in it is a method
  FOLDER:2                      row 2 of the leaderboard in that folder
  --json                        a document for programs (docs/compare.md)
  --tex                         a table for LaTeX; bold are all rows that cannot be told from the best

Differences are the later method less the earlier one. Several seeds are paired, and so are the test images; of one
run each it is an exact McNemar test, which says nothing about other seeds. p values are corrected over all pairs
(Holm).
"""
"""What compare's --help says."""

VALIDATE = f"""jhrun validate COMMAND …: {COMMANDS["validate"]}

  jhrun validate train model=cnn seed=0,1 -m     each job of the sweep
  jhrun validate eval run=RUN attack=standard    the run is read, too

Data, network, penalty, attacks and analyses are made, and the network is tried on two examples. No run is made or
changed; data that are missing are fetched. The exit code is 0, or the one that the call would begin with.
"""
"""What validate's --help says."""

FLAGS = """flags:
  -m, --multirun      every combination of comma-separated values, as in seed=0,1,2; hydra/launcher=joblib runs
                      several at a time, hydra/launcher=submitit_slurm has SLURM run them
  --cfg job           print the composed configuration and stop (--resolve: with references filled in)
  --config-dir DIR    a folder of YAML files of your own
  --help, --version
"""

_FLAGS = {"-m": 0, "--multirun": 0, "--cfg": 1, "-c": 1, "--resolve": 0, "--config-dir": 1, "-cd": 1}
"""Hydra's flags that are passed on, and how many words follow each."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run jhrun.

    Args:
        argv: without the program's name; those of the process if not given.

    Returns:
        The exit code (``jhrun.errors`` lists them).
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    # an interactive zsh passes a pasted line's comment on as words
    arguments = list(takewhile(lambda argument: argument != "#", arguments))
    with lasting_output():
        try:
            return _dispatch(arguments)
        except JhrunError as error:
            print(pasteable(f"error: {error}"), file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return INTERRUPTED
        except Exception as error:
            traceback.print_exc()
            print(f"error: {type(error).__name__}, a bug of ours, please report the lines above", file=sys.stderr)
            return BUG


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        width = max(map(len, COMMANDS))
        lines = "\n".join(f"  {name:<{width}}  {text}" for name, text in COMMANDS.items())
        print(pasteable(USAGE.format(commands=lines)), end="")
        return 0 if arguments else ConfigError.exit_code
    if arguments[0] == completion.ASKED:
        print("\n".join(completion.completed(" ".join(arguments[1:]), _words())))
        return 0
    if "--version" in arguments:
        print(f"jhrun {__version__}")
        return 0
    command, *rest = arguments
    validate = command == "validate" and bool(rest) and not rest[0].startswith("-")
    if validate:
        command, *rest = rest
    if command not in COMMANDS:
        raise ConfigError(f"there is no command '{command}'", f"jhrun {command}", nearest(command, COMMANDS))
    if {"-h", "--help"} & set(rest):
        print(pasteable(_help(command)), end="")
        return 0
    if validate and command not in COMPOSED:
        what = f"validate tries calls of {', '.join(COMPOSED)}"
        raise ConfigError(what, f"jhrun validate {command}", "as in jhrun validate train model=cnn")
    if command == "validate":
        raise ConfigError("validate takes a call", "jhrun validate", "as in jhrun validate train model=cnn")
    own = {"report": _report, "list": _list, "compare": _compare, "completion": _completion}
    if command in own:
        return own[command](rest)
    flags, overrides = _separate(rest)
    from jhrun.commands.launch import launch  # noqa: PLC0415 - imports torch

    return launch(command, flags, overrides, validate=validate)


def _words() -> dict[str, list[str]]:
    """What each command takes that is no key, choice or folder."""
    flags = [*_FLAGS, "--help"]
    words = {"report": ["--help", "evaluation=", "paper="], "compare": ["--help", "--json", "--tex"]}
    words |= {"list": sorted({group for command in COMPOSED for group in groups(command)})}
    words |= {"completion": list(completion.SCRIPTS)}
    return {command: words.get(command, flags) for command in COMMANDS}


def _completion(arguments: list[str]) -> int:
    completion.run(arguments)
    return 0


def _list(arguments: list[str]) -> int:
    listing.run(arguments)
    return 0


def _report(arguments: list[str]) -> int:
    folders, paper, evaluation = [], False, None
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key == "run" and equals:
            folders.append(value)
        elif key == "evaluation" and value:
            evaluation = value
        elif key == "paper" and value in {"true", "false"}:
            paper = value == "true"
        elif key == "paper" and equals:
            raise ConfigError(f"paper={value}: must be true or false", "jhrun report", "as in paper=true")
        elif equals and "/" not in key:
            raise ConfigError(
                f"there is no key '{key}'", "jhrun report", nearest(key, ["evaluation", "paper", "run"])
            )
        else:
            folders.append(argument)
    if not folders or any(folder.startswith("-") for folder in folders):
        raise ConfigError("report takes folders of runs", "jhrun report", "as in jhrun report outputs/…/…")
    from jhrun.commands.report import run  # noqa: PLC0415 - imports torch

    run(folders, paper=paper, evaluation=evaluation)
    return 0


def _compare(arguments: list[str]) -> int:
    forms = [argument for argument in arguments if argument.startswith("-")]
    methods = [argument for argument in arguments if not argument.startswith("-")]
    if unknown := set(forms) - {"--json", "--tex"}:
        raise ConfigError(
            f"there is no flag '{min(unknown)}'", "jhrun compare", nearest(min(unknown), ["--json", "--tex"])
        )
    if len(set(forms)) > 1:
        raise ConfigError("--json and --tex are two forms of the same", "jhrun compare", "give one of them")
    if not methods:
        remedy = "as in jhrun compare outputs/…/… outputs/…/…"
        raise ConfigError("compare takes folders of runs or sweeps", "jhrun compare", remedy)
    from jhrun.commands.compare import run  # noqa: PLC0415 - imports torch

    run(methods, form=forms[0] if forms else None)
    return 0


def _separate(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Hydra's flags, and the overrides."""
    flags, overrides, waiting = [], [], 0
    for argument in arguments:
        name, _, value = argument.partition("=")
        if waiting:
            flags.append(argument)
            waiting -= 1
        elif not argument.startswith("-"):
            overrides.append(argument)
        elif name in _FLAGS:
            flags.append("--multirun" if name == "-m" else argument)
            waiting = 0 if value else _FLAGS[name]
        else:
            raise ConfigError(f"there is no flag '{name}'", "command line", _instead(name, value))
    if waiting:
        raise ConfigError(f"flag '{flags[-1]}' needs a value", "command line", "as in --cfg job")
    return flags, overrides


def _instead(flag: str, value: str) -> str:
    """What to type instead of a flag that is not there: the nearest one, or the key that was meant."""
    like = nearest(flag, [*_FLAGS, "--help", "--version"])
    if like.startswith("did you mean"):
        return like
    key = flag.lstrip("-").replace("-", "_")
    return f"keys have no dashes: {key}={value or '…'}" if key else like


def _help(command: str) -> str:
    own = {"report": REPORT, "list": listing.HELP, "compare": COMPARE, "validate": VALIDATE}
    own |= {"completion": completion.HELP}
    if command in own:
        return own[command]
    lines = [f"jhrun {command} [KEY=VALUE …] [FLAGS]: {COMMANDS[command]}", ""]
    for group in groups(command):
        lines.append(f"{group}=…")
        found = choices(group)
        width = max(map(len, found))
        lines += [f"  {name:<{width}}  {text}" for name, text in found.items()]
    lines += ["", "keys, with their defaults (a group's own are shown by --cfg job):", *_keys(command), ""]
    lines += [*filter(None, [READING.get(command)]), FLAGS]
    lines.append("Exit codes: 0 done, 1 a bug of ours, 2 configuration, 3 data, 4 run directory or checkpoint,")
    lines.append("5 numerical, 6 resources, 7 refused as unsafe, 8 a verdict of fail, 9 unfinished jobs,")
    lines.append("75 told to make room (SIGTERM, SIGUSR1) and saved, 130 interrupted.")
    return "\n".join(lines) + "\n"


def _keys(command: str) -> list[str]:
    """The primary file between its defaults list and Hydra's own part: keys, defaults, and what they mean."""
    text = (CONF / f"{command}.yaml").read_text(encoding="utf-8")
    body = text.split("hydra/hydra_logging: none\n")[1].split("\nhydra:")[0]
    return [f"  {line}" for line in body.strip().splitlines()]
