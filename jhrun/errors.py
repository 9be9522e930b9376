"""The failures that a user can mend, one class for each exit code.

===== =================================================
code  meaning
===== =================================================
0     done
1     a bug of ours
2     configuration
3     data
4     run directory or checkpoint
5     numerical
6     resources
7     refused as unsafe
8     an evaluation whose verdict is not pass (strict=true)
9     a sweep with jobs that are not finished
75    told to make room (SIGTERM, SIGUSR1): saved, to be resumed
130   interrupted
===== =================================================
"""

import os
import re
import shlex

BUG = 1
UNFINISHED = 9
PREEMPTED = 75
INTERRUPTED = 130


CALLED = "JHRUN_CALLED_AS"
"""The variable in which ``scripts/run`` says how the user called it."""


def pasteable(text: str, *, run: object = None) -> str:
    """A text whose commands the user can paste: begun as she typed it, and with her run's path.

    Args:
        text: with commands such as ``jhrun eval run=RUN``.
        run: the path to write for RUN; none where it is not known.

    Returns:
        The text.

    Example:
        >>> pasteable("have it checked by `jhrun eval run=RUN`", run="a b")
        "have it checked by `jhrun eval 'run=a b'`"
    """
    if run is not None:
        text = re.sub(r"\brun=RUN\b", lambda _: shlex.quote(f"run={run}"), text)
    called = os.environ.get(CALLED, "jhrun")
    return re.sub(r"\bjhrun (?=(COMMAND|train|eval|report|compare|bench)\b)", lambda _: f"{called} ", text)


class JhrunError(Exception):
    """A failure told in one line: what is wrong, where, and how to mend it.

    Example:
        >>> str(ConfigError("no model is called 'cn'", "model=cn", "did you mean 'cnn'?"))
        "no model is called 'cn', model=cn, did you mean 'cnn'?"
    """

    exit_code = BUG

    def __init__(self, what: str, where: str, remedy: str) -> None:
        """Keep the three parts, with line breaks folded into spaces and what a terminal would obey left out."""
        self.parts = (what, where, remedy)
        parts = ("".join(c for c in " ".join(str(part).split()) if c.isprintable()) for part in self.parts)
        super().__init__(", ".join(part for part in parts if part))

    def __reduce__(self) -> tuple[type["JhrunError"], tuple[str, str, str]]:
        """How it travels between processes."""
        return type(self), self.parts


class ConfigError(JhrunError):
    """A key, a choice, a value or a command that cannot be used."""

    exit_code = 2


class DataError(JhrunError):
    """A data set that is missing or is not what it should be."""

    exit_code = 3


class RunError(JhrunError):
    """A run directory or checkpoint that is taken, missing or damaged."""

    exit_code = 4


class NumericalError(JhrunError):
    """A value that is not finite where it must be."""

    exit_code = 5


class ResourceError(JhrunError):
    """Memory or disk space that ran out."""

    exit_code = 6


class UnsafeError(JhrunError):
    """Something in a stored run that could execute code or leave its folder."""

    exit_code = 7


class VerdictError(JhrunError):
    """An evaluation whose figures are not to be believed."""

    exit_code = 8


_MEMORY = re.compile(
    r"out of memory|DefaultCPUAllocator: (can't allocate|not enough) memory|Cannot allocate memory|std::bad_alloc"
    "|_STATUS_ALLOC_FAILED"
)


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out: on the CPU, PyTorch has no class for it.

    Args:
        error: any.

    Returns:
        Yes or no.

    Example:
        >>> out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 b…"))
        True
    """
    return isinstance(error, MemoryError) or _MEMORY.search(str(error)) is not None


def nondeterministic(error: Exception) -> str | None:
    """The operation that PyTorch refuses for its results may differ from run to run; None for any other error.

    Args:
        error: any.

    Returns:
        Its name.

    Example:
        >>> nondeterministic(RuntimeError("put_ does not have a deterministic implementation, but you set …"))
        'put_'
    """
    found = re.search(r"(\S+) does not have a deterministic implementation", str(error))
    return found and found.group(1)
