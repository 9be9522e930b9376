"""A new run's folder: made late, claimed once, and gone again if nothing came of it."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from jhrun.commands.environment import environment
from jhrun.config import stored
from jhrun.errors import ResourceError, RunError
from jhrun.files import CLOSED, FULL, none_left_empty, write_aside
from jhrun.folder import LOCK, RunFolder
from jhrun.jsonio import write_json


@contextmanager
def made(path: Path) -> Iterator[None]:
    """A folder is there; what was made for it is taken away at the end if it is still empty.

    Args:
        path: of the folder.

    Yields:
        Nothing.

    Raises:
        ResourceError: there is no space, or nobody may write there.
        RunError: something else is in the way.
    """
    with none_left_empty(path):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            kind = ResourceError if error.errno in CLOSED | FULL else RunError
            what = f"the run's folder cannot be made ({error.strerror})"
            raise kind(what, str(error.filename), "choose another hydra.run.dir") from error
        yield


def require_empty(path: Path) -> None:
    """Refuse a folder for a new run that holds something, which is left as it is.

    Args:
        path: of the folder, which need not exist.

    Raises:
        RunError: it does.
    """
    folder = RunFolder(path)
    if path.is_dir() and not folder.unclaimed() and any(entry.name != LOCK for entry in path.iterdir()):
        again = f", or go on with {shlex.quote(f'resume={path}')}" if folder.config.is_file() else ""
        raise RunError(f"'{path}' is not empty", "run directory", f"choose another hydra.run.dir{again}")


def claim(path: Path, config: dict[str, Any], overrides: Sequence[str], device: torch.device) -> RunFolder:
    """Take a new run's folder, which must be empty, and write down what is run in it.

    Args:
        path: of the folder, whose lock we hold.
        config: resolved, as plain values.
        overrides: as typed.
        device: where the run will be.

    Returns:
        The folder, with its configuration, environment and status.

    """
    folder = RunFolder(path)
    folder.remove_unclaimed()
    require_empty(path)
    try:
        write_json(folder.status, {"state": "running"})
        write_aside(folder.overrides, stored.as_yaml(list(overrides)))
        command = shlex.join(["jhrun", "train", *overrides])
        write_json(folder.environment, environment(device, command, config))
        # the last: a folder that has it can be gone on with
        stored.write(folder.config, config)
    except BaseException:
        folder.remove_unclaimed()
        raise
    return folder
